import { expect } from "vitest";
import { errorCodeName } from "../../src/http2/error-code.ts";
import type { TestClient } from "../gateway/support/client.ts";
import { firstValue } from "../gateway/support/fields.ts";
import type { Http1Client, RawAnswer } from "../gateway/support/http1-client.ts";
import type { Party } from "../gateway/support/party.ts";
import type { World } from "../gateway/support/world.ts";
import type { Caller, Got, Seen, Sent } from "./callers.ts";

/** Sends over the client's one connection, and reads the answer as the caller's app does. */
export async function overHttp2(world: World, client: TestClient, caller: Caller, sent: Sent): Promise<Seen> {
  const pseudo = [":method", sent.method, ":scheme", "http", ":path", sent.path, ":authority", "echo.test"];
  const te = caller.name === "gRPC" ? ["te", "trailers"] : [];
  const call = client.open([...pseudo, ...sent.headers, ...te]);
  if (sent.body.length > 0) call.send(sent.body);
  call.finish();
  await world.settle();
  return readParty(caller, call);
}

/** A request as it stands on the wire of HTTP/1.1. */
export function http1Bytes(sent: Sent): Uint8Array {
  const fields = ["host", "echo.test", ...sent.headers];
  if (sent.method !== "GET" && !sent.headers.includes("content-length")) {
    fields.push("content-length", String(sent.body.length));
  }
  let head = `${sent.method} ${sent.path} HTTP/1.1\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, "latin1"), sent.body]);
}

/** The same on a connection of HTTP/1.1: what the app sees, and whether the connection ended with it. */
export async function overHttp1(world: World, client: Http1Client, caller: Caller, sent: Sent): Promise<Seen> {
  const before = client.answers().length;
  client.write(http1Bytes(sent));
  await world.settle();
  const answers = client.answers().slice(before);
  const closed = client.finished || client.over;
  if (answers.length === 0) return { text: closed ? "the body breaks off" : "**nothing**", message: "" };
  expect(answers).toHaveLength(1);
  const [answer] = answers;
  // RFC 9112 9.6: who will close says so.
  const says = firstValue(answer.fields, "connection")?.split(", ").includes("close") === true;
  expect(closed, "connection: close, and the FIN").toBe(says);
  const seen = readRaw(caller, answer);
  return closed ? { ...seen, text: `${seen.text}, closed` } : seen;
}

export function readRaw(caller: Caller, { status, fields, body }: RawAnswer): Seen {
  return caller.read({
    status,
    header: (name) => firstValue(fields, name) ?? null,
    trailer: () => null,
    body: new Uint8Array(body),
  });
}

export function readParty(caller: Caller, call: Party): Seen {
  if (call.aborted !== null) return { text: `RST_STREAM ${errorCodeName(call.aborted.code)}`, message: "" };
  if (!call.ended) return { text: "**nothing**", message: "" };
  return caller.read({
    status: Number(call.fields[1]),
    header: (name) => firstValue(call.fields, name) ?? null,
    trailer: (name) => firstValue(call.trailers?.fields ?? [], name) ?? null,
    body: call.body,
  });
}

/** The same in fetch's form, which HTTP/1.1 takes. */
export async function overFetch(world: World, caller: Caller, sent: Sent): Promise<Seen> {
  const headers = new Headers();
  for (let i = 0; i < sent.headers.length; i += 2) headers.append(sent.headers[i], sent.headers[i + 1]);
  const sending = sent.method === "GET" ? null : (sent.body as BodyInit);
  const request = new Request(`http://echo.test${sent.path}`, { method: sent.method, headers, body: sending });
  const answered = world.fetch(request);
  await world.settle();
  const response = await answered;
  const reading = response.bytes().catch(() => null);
  await world.settle();
  const body = await reading;
  if (body === null) return { text: "the body breaks off", message: "" };
  const got: Got = {
    status: response.status,
    header: (name) => response.headers.get(name),
    trailer: () => null,
    body,
  };
  return caller.read(got);
}
