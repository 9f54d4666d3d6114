import type { JsonValue } from "@bufbuild/protobuf";
import { envelope } from "../../../src/protocols/envelope.ts";
import type { TestClient } from "../../gateway/support/client.ts";
import { requestFields } from "../../gateway/support/fields.ts";
import type { Party } from "../../gateway/support/party.ts";
import type { World } from "../../gateway/support/world.ts";

const encoder = new TextEncoder();

/** JSON in an envelope. */
export function framed(json: JsonValue | string): Uint8Array {
  return envelope(0, encoder.encode(typeof json === "string" ? json : JSON.stringify(json)));
}

/** Begins a call of native gRPC in JSON. */
export function openJson(client: TestClient, path: string, more: readonly string[] = []): Party {
  const fields = requestFields(more, path).map((text) =>
    text === "application/grpc" ? "application/grpc+json" : text,
  );
  return client.open(fields);
}

/** The messages of an answer in envelopes. */
export function messagesOf(body: Uint8Array): JsonValue[] {
  const messages: JsonValue[] = [];
  for (let at = 0; at < body.length; ) {
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(1);
    messages.push(JSON.parse(new TextDecoder().decode(body.subarray(at + 5, at + 5 + length))));
    at += 5 + length;
  }
  return messages;
}

/** A Connect unary call over fetch, to its end. */
export async function unary(
  world: World,
  path: string,
  json: JsonValue | string | Uint8Array,
  headers: HeadersInit = {},
) {
  const body = json instanceof Uint8Array || typeof json === "string" ? json : JSON.stringify(json);
  const request = new Request(`http://echo.test${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body as BodyInit,
  });
  return readAll(world, request);
}

export async function readAll(world: World, request: Request) {
  const answered = world.fetch(request);
  await world.settle();
  const response = await answered;
  const read = response.text();
  await world.settle();
  const text = await read;
  const isJson = response.headers.get("content-type") === "application/json";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as JsonValue) : null,
  };
}
