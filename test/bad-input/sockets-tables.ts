import { expect } from "vitest";
import { answerWell } from "./answers.ts";
import { http1Bytes, readParty, readRaw } from "./ask.ts";
import { type Caller, type CallerName, callers, type Seen } from "./callers.ts";
import { type BadHttp1, good } from "./http1.ts";
import { connectHttp1, connectHttp2, type Place, startPlace, tlsError, until } from "./sockets.ts";
import type { Cell } from "./table.ts";

/** Sends a bad request over a socket, then a good one, and says what came as a row of the page. */
export async function runHttp1(item: BadHttp1): Promise<string> {
  const place = await startPlace();
  place.pod.onCall = answerWell;
  const client = connectHttp1(place);
  client.write(Buffer.from(item.bytes, "latin1"));
  if (item.ends === true) client.end();
  const before = item.kept ? item.statuses.length - 1 : item.statuses.length;
  await until(() => client.answers().length >= before || client.finished || client.over);
  if (item.kept) {
    client.write(Buffer.from(good, "latin1"));
    await until(() => client.answers().length > before || client.finished || client.over);
    expect(client.finished || client.over, "the connection").toBe(false);
    client.end();
  } else {
    await until(() => client.finished || client.over);
    // The gateway reads no further: what comes now is no request.
    client.write(Buffer.from(good, "latin1"));
  }
  await until(() => client.over);
  const answers = client.answers();
  expect(answers.map(({ status }) => status)).toEqual(item.statuses);
  await until(() => place.gateway.view.backends()[0].endpoints.every(({ outstanding }) => outstanding === 0));
  await until(() => place.pod.calls.every((call) => call.over));
  const { calls } = place.pod;
  expect(calls.filter((call) => call.aborted === null)).toHaveLength(item.whole);
  const said = Buffer.from(answers[0]?.body ?? []).toString("latin1");
  const text = answers[0]?.status === 200 ? "" : said.trim();
  const message = text.startsWith("{") ? (JSON.parse(text) as { message: string }).message : text;
  const connection = item.kept ? "kept" : "closed";
  return `| ${item.what} | ${item.statuses.join(", then ") || "none"} | ${connection} | ${message} |`;
}

async function askHttp2(place: Place, caller: Caller): Promise<Seen> {
  const client = await connectHttp2(place);
  const sent = caller.send();
  const pseudo = [":method", sent.method, ":scheme", "http", ":path", sent.path, ":authority", "echo.test"];
  const call = client.open([...pseudo, ...sent.headers]);
  if (sent.body.length > 0) call.send(sent.body);
  call.finish();
  await until(() => call.over);
  return readParty(caller, call);
}

async function askHttp1(place: Place, caller: Caller): Promise<Seen> {
  const client = connectHttp1(place);
  client.write(http1Bytes(caller.send()));
  await until(() => client.answers().length > 0 || client.over);
  expect(client.finished, "the connection goes on").toBe(false);
  return readRaw(caller, client.answers()[0]);
}

/** Every caller's call to a place whose pod cannot be understood. */
export async function seeUnavailable(place: Place): Promise<ReadonlyMap<CallerName, Cell>> {
  const seen = new Map<CallerName, Cell>();
  // What TLS libraries say is not ours, and differs between runtimes.
  const cut = ({ text, message }: Seen): Seen => ({ text, message: message.replace(/, last error: .*/s, "") });
  for (const caller of callers) {
    const http2 = cut(await askHttp2(place, caller));
    const http1 = caller.name === "gRPC" ? null : cut(await askHttp1(place, caller));
    expect(http2.text, caller.name).toContain("unavailable");
    expect(http2.message, caller.name).toContain("no ready endpoint");
    seen.set(caller.name, { http2, http1, pod: "" });
  }
  expect(place.pod.calls).toEqual([]);
  return seen;
}

/** A TLS client at a port without TLS is told so by its own library, and others are served. */
export async function runTlsClient(place: Place): Promise<void> {
  place.pod.onCall = answerWell;
  expect(await tlsError(place)).toMatch(/EPROTO|SSL|ECONNRESET/);
  expect(place.pod.calls).toEqual([]);
  for (const caller of callers) expect((await askHttp2(place, caller)).text, caller.name).toBe("ok");
}

/** Clients without TLS at a port with it: closed, and not a byte of HTTP is answered. */
export async function runPlaintextClients(place: Place): Promise<void> {
  const over1 = connectHttp1(place);
  over1.write(Buffer.from(good, "latin1"));
  const over2 = await connectHttp2(place);
  await until(() => over1.over && over2.events.some((event) => event.startsWith("closed")));
  expect(over2.events).not.toContain("ready");
  expect(over1.text).not.toContain("HTTP/");
  expect(place.pod.calls).toEqual([]);
}
