import { type IncomingMessage, request } from "node:http";
import { expect } from "vitest";
import { encodeMessage, pathOf, pattern } from "../../e2e/support/echo.ts";

/** A bidi call of Connect over HTTP/1.1 whose client sends each message after the answer to the last one. */
export async function expectFullDuplex(base: string): Promise<void> {
  const url = new URL(`${base}${pathOf("Bidi")}`);
  const message = encodeMessage(pattern(5));
  const envelope = Buffer.concat([Uint8Array.of(0, 0, 0, 0, message.length), message]);
  const headers = { "content-type": "application/connect+proto" };
  const call = request(url, { method: "POST", headers });
  call.write(envelope);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once("response", resolve);
    call.once("error", reject);
  });
  const seen: Buffer[] = [];
  const read = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (let i = 1; i <= 3; i++) {
    while (Buffer.concat(seen).length < i * envelope.length) seen.push((await read.next()).value as Buffer);
    if (i < 3) call.write(envelope);
  }
  call.end();
  for (let next = await read.next(); !next.done; next = await read.next()) seen.push(next.value);
  const all = Buffer.concat(seen);
  expect(all.subarray(0, 3 * envelope.length)).toEqual(Buffer.concat([envelope, envelope, envelope]));
  expect(all[3 * envelope.length]).toBe(2);
  expect(JSON.parse(all.subarray(3 * envelope.length + 5).toString())).toEqual({});
}
