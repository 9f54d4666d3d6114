import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DescMessage, fromBinary, fromJsonString, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGateway } from "../../src/create-gateway.ts";
import type { Gateway } from "../../src/gateway-api.ts";
import { readDescriptorSet, type Schema } from "../../src/json/schema.ts";
import { toJsonText } from "../../src/json/translate.ts";
import { createMachine } from "../../src/runtime/create-machine.ts";
import { backendSettings, gatewaySettings } from "../gateway/support/settings.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { buildMirror, type Mirror, startMirror } from "./connect-go/build.ts";
import { binaryRows, jsonRows } from "./connect-go/messages.ts";
import { buildSet } from "./support/protos.ts";

/**
 * The same messages, in JSON, to the same pod on connect-go in two ways: handed on, so that connect-go reads and writes the JSON,
 * and translated by us. And by protobuf-es alone, which connect-es uses.
 */

const built = buildMirror();
if ("missing" in built) console.log(`skipped: JSON compared with connect-go: ${built.missing}`);

/** What came of a message. */
type Seen =
  /** `got`: how the pod understood it, in protobuf as Go writes it. `json`: the answer. */
  { readonly got: string; readonly json: JsonValue } | { readonly refused: string };

const asText = (json: JsonValue): JsonValue => JSON.parse(JSON.stringify(json)) as JsonValue;

/** Null: it was refused. */
const answerOf = (seen: Seen): JsonValue | null => ("json" in seen ? seen.json : null);

const SAME = "kinds.v1.Mirror/Same";
const READ = "kinds.v1.Mirror/Read";

describe.skipIf("missing" in built)("JSON as connect-go has it", () => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-json-"));
  const gateways: Gateway[] = [];
  let mirror: Mirror;
  let schema: Schema;
  let every: DescMessage;
  let handedOn: string;
  let translated: string;
  let strict: string;

  beforeAll(async () => {
    const set = buildSet("kinds");
    const descriptorSet = join(folder, "kinds.binpb");
    writeFileSync(descriptorSet, set);
    schema = readDescriptorSet(set);
    every = schema.message("kinds.v1.Every") as DescMessage;
    mirror = await startMirror("program" in built ? built.program : "", descriptorSet);
    const target = `ipv4:127.0.0.1:${mirror.port}`;
    const start = async (more: Parameters<typeof backendSettings>[0]) => {
      const backends = [backendSettings({ target, ...more })];
      const gateway = createGateway(gatewaySettings({ backends }), createMachine(), collectingLog());
      gateways.push(gateway);
      await gateway.start();
      return `http://127.0.0.1:${gateway.view.listeners()[0].port}`;
    };
    handedOn = await start({ json: "passthrough" });
    // connect-go drops fields that it does not know.
    translated = await start({ json: "transcode", descriptorSet, jsonIgnoreUnknownFields: true });
    strict = await start({ json: "transcode", descriptorSet });
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await mirror?.stop();
    rmSync(folder, { recursive: true });
  });

  async function ask(url: string, method: string, json: string): Promise<Seen> {
    const headers = { "content-type": "application/json", connection: "close" };
    const response = await fetch(`${url}/${method}`, { method: "POST", headers, body: json });
    const answer = (await response.json()) as JsonValue;
    if (response.status !== 200) return { refused: (answer as { code: string }).code };
    return { got: response.headers.get("got-bin") ?? "", json: answer };
  }

  function protobufEs(json: string): JsonValue | null {
    try {
      const options = { registry: schema.types, ignoreUnknownFields: true };
      const read = fromJsonString(every, json, options);
      // By way of protobuf, which is where a float becomes one.
      return asText(toJson(every, fromBinary(every, toBinary(every, read)), options));
    } catch {
      return null;
    }
  }

  function protobufEsWritten(bytes: Uint8Array): JsonValue | null {
    try {
      return asText(toJson(every, fromBinary(every, bytes), { registry: schema.types }));
    } catch {
      return null;
    }
  }

  function written(bytes: Uint8Array): JsonValue | null {
    const made = toJsonText(schema, every, bytes, 4 << 20);
    return "error" in made ? null : (JSON.parse(new TextDecoder().decode(made.bytes)) as JsonValue);
  }

  test.each(jsonRows.map((row) => [row.what, row] as const))("%s", async (_what, row) => {
    const theirs = await ask(handedOn, SAME, row.json);
    const ours = await ask(translated, SAME, row.json);
    if (row.differs === undefined) {
      // The same answer, and the same message, byte by byte as Go writes it; or the same code.
      expect(ours).toEqual(theirs);
      expect("refused" in ours).toBe(row.refused === true);
    } else expect(ours).not.toEqual(theirs);
    const es = expect(protobufEs(row.json));
    if (row.differsFromEs === undefined) es.toEqual(answerOf(ours));
    else es.not.toEqual(answerOf(ours));
  });

  test.each(binaryRows.map((row) => [row.what, row] as const))("protobuf, %s", async (_what, row) => {
    const theirs = await ask(handedOn, READ, JSON.stringify({ raw: Buffer.from(row.bytes).toString("base64") }));
    const ours = written(row.bytes);
    if (row.differs === undefined) {
      expect(ours).toEqual(answerOf(theirs));
      expect(ours === null).toBe(row.refused === true);
    } else expect(ours).not.toEqual(answerOf(theirs));
    expect(protobufEsWritten(row.bytes)).toEqual(ours);
  });

  test("unknown fields are refused unless they are to be dropped, naming the field: connect-go never says so", async () => {
    const unknown = jsonRows.filter(({ what }) => what.startsWith("unknown fields:"));
    expect(unknown.length).toBeGreaterThan(3);
    for (const { json } of unknown) expect(await ask(strict, SAME, json)).toEqual({ refused: "invalid_argument" });
    const headers = { "content-type": "application/json", connection: "close" };
    const response = await fetch(`${strict}/${SAME}`, { method: "POST", headers, body: `{"inner":{"nope":1}}` });
    expect(((await response.json()) as { message: string }).message).toContain(`field "nope" is unknown`);
  });

  test("all that is not unknown is the same when unknown fields are refused", async () => {
    for (const { what, json } of jsonRows) {
      if (what.startsWith("unknown fields:")) continue;
      expect([what, await ask(strict, SAME, json)]).toEqual([what, await ask(translated, SAME, json)]);
    }
  });
});
