import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { expect } from "vitest";
import { encodeMessage, pathOf, pattern } from "../../e2e/support/echo.ts";

/** More than servers take of one request, where they have a limit: Bun's is 128 MiB unless its entry says otherwise. */
const MESSAGES = 140;
const MESSAGE_BYTES = 1_048_576;

/** A client stream of Connect whose messages are small and whose whole is not. */
export async function expectLongUpload(base: string): Promise<void> {
  const message = encodeMessage(pattern(MESSAGE_BYTES));
  const envelope = Buffer.alloc(5 + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, 5);
  const call = request(`${base}${pathOf("ClientStream")}`, {
    method: "POST",
    headers: { "content-type": "application/connect+proto", "x-answer-bytes": "5" },
    agent: false,
  });
  const answered = once(call, "response") as Promise<[IncomingMessage]>;
  for (let i = 0; i < MESSAGES; i++) if (!call.write(envelope)) await once(call, "drain");
  call.end();
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  expect(body.subarray(body.indexOf("{")).toString()).toBe("{}");
}
