import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Child, startChild } from "../e2e/support/child.ts";
import { SERVICE } from "../e2e/support/echo.ts";
import { type GatewayProcess, startGatewayProcess } from "../e2e/support/gateway.ts";
import { expectQuiet } from "../e2e/support/quiet.ts";
import type { Column } from "./support/calls.ts";
import { answerOfConnectUnary } from "./support/connect-unary.ts";
import { type Ran, runProgram } from "./support/program.ts";
import { note } from "./support/row.ts";
import { missingCurl, missingTool, PROGRAMS } from "./tools.ts";

// Programs of other languages start here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Clients that know nothing of the service: the schema comes from a grpc-go pod's own reflection, through the gateway. */

const missing = missingTool("grpcurl") ?? missingTool("go");
if (missing !== null) console.warn(`skipped: grpcurl, and curl --json by reflection: ${missing}`);

describe.skipIf(missing !== null)("clients by reflection", () => {
  let pod: Child;
  let gateway: GatewayProcess | undefined;
  let versions = "";

  beforeAll(async () => {
    pod = startChild("grpc-go pod", PROGRAMS.go, ["pod"]);
    const { host, port } = await pod.report(({ event }) => event === "listening");
    gateway = await startGatewayProcess({ target: `ipv4:${host}:${port}` });
    const { output, errors } = await runProgram(PROGRAMS.grpcurl, ["-version"]);
    const said = (output + errors).trim();
    // Built by `go install` it does not know its own version: Go does.
    const { output: built } = await runProgram("go", ["version", "-m", PROGRAMS.grpcurl]);
    versions = `grpcurl ${/mod\s+\S+\s+(\S+)/.exec(built)?.[1] ?? said}`;
  });
  afterAll(async () => {
    if (gateway !== undefined) {
      await expectQuiet(gateway);
      expect(await gateway.stop()).toBe(0);
    }
    await pod?.stop();
  });

  const grpcurl = (flags: readonly string[], verb: readonly string[] = [], input = ""): Promise<Ran> =>
    runProgram(PROGRAMS.grpcurl, ["-plaintext", ...flags, gateway?.address ?? "", ...verb], input);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const row = (column: Column | "reflection") =>
    ({ table: "clients", order: 70, name: "grpcurl, reflection, HTTP/2", versions, column }) as const;

  test("grpcurl: lists and describes by reflection", async (context) => {
    note(context, row("reflection"));
    const { output } = await grpcurl([], ["list"]);
    expect(output.split("\n")).toContain(SERVICE);
    const described = await grpcurl([], ["describe", SERVICE]);
    expect(described.output).toContain("rpc Bidi ( stream .google.protobuf.BytesValue ) returns ( stream");
  });

  test("grpcurl: unary", async (context) => {
    note(context, row("unary"));
    const ran = await grpcurl(["-d", `"${base64("hello")}"`], [`${SERVICE}/Unary`]);
    expect(ran).toEqual({ code: 0, output: `"${base64("hello")}"\n`, errors: "" });
  });

  test("grpcurl: server stream", async (context) => {
    note(context, row("server stream"));
    const ran = await grpcurl(["-H", "x-answers: 3", "-d", `"${base64("a")}"`], [`${SERVICE}/ServerStream`]);
    expect(ran).toEqual({ code: 0, output: `"${base64("a")}"\n`.repeat(3), errors: "" });
  });

  test("grpcurl: client stream", async (context) => {
    note(context, row("client stream"));
    const ran = await grpcurl(["-d", "@"], [`${SERVICE}/ClientStream`], `"${base64("a")}" "${base64("bc")}"`);
    // Sizes on the wire: 3 and 4 bytes.
    expect(ran).toEqual({ code: 0, output: `"${base64("7")}"\n`, errors: "" });
  });

  test("grpcurl: bidi", async (context) => {
    note(context, row("bidi"));
    const messages = ["a", "b", "c"].map((text) => `"${base64(text)}"\n`).join("");
    const ran = await grpcurl(["-d", "@"], [`${SERVICE}/Bidi`], messages);
    expect(ran).toEqual({ code: 0, output: messages, errors: "" });
  });

  test.for([3, 5, 7, 14, 16])("grpcurl: error with code %d", async (code, context) => {
    note(context, row("errors"));
    const headers = ["-H", `x-fail: ${code}`, "-H", `x-fail-message-bin: ${base64("100% of ü")}`];
    const ran = await grpcurl([...headers, "-d", '""'], [`${SERVICE}/Unary`]);
    // grpcurl's exit code: 64 and the code.
    expect(ran.code).toBe(64 + code);
    expect(ran.errors).toContain("Message: 100% of ü");
  });

  test("grpcurl: a method that nobody has", async (context) => {
    note(context, row("errors"));
    const ran = await grpcurl(["-d", '""'], [`${SERVICE}/Missing`]);
    expect(ran.errors).toContain('does not include a method named "Missing"');
  });

  test("grpcurl: error with details", async (context) => {
    note(context, row("details"));
    // google.rpc.Status { details: [Any { type.googleapis.com/google.protobuf.BytesValue, 0x0a 0x01 0x7f }] }
    const type = Buffer.from("type.googleapis.com/google.protobuf.BytesValue");
    const any = Buffer.concat([Uint8Array.of(0x0a, type.length), type, Uint8Array.of(0x12, 3, 0x0a, 1, 0x7f)]);
    const status = Buffer.concat([Uint8Array.of(0x1a, any.length), any]).toString("base64");
    const headers = ["-H", "x-fail: 9", "-H", `x-fail-details-bin: ${status}`];
    const ran = await grpcurl([...headers, "-d", '""'], [`${SERVICE}/Unary`]);
    expect(ran.code).toBe(64 + 9);
    expect(ran.errors).toContain('"@type": "type.googleapis.com/google.protobuf.BytesValue"');
    expect(ran.errors).toContain('"fw=="');
  });

  test("grpcurl: metadata in and out", async (context) => {
    note(context, row("metadata"));
    const sent = ["x-echo-a: one", "x-echo-a: two", "x-echo-empty: ", "x-echo-raw-bin: AAH/", "x-trail-z: last"];
    const headers = sent.flatMap((header) => ["-H", header]);
    const { output } = await grpcurl(["-v", ...headers, "-d", '""'], [`${SERVICE}/Unary`]);
    const [received = "", trailing = ""] = output
      .slice(output.indexOf("Response headers received"))
      .split("Response trailers received");
    for (const header of sent.slice(0, 4)) expect(received.split("\n")).toContain(header);
    expect(trailing.split("\n")).toContain(sent[4]);
  });

  test("grpcurl: deadline, and the pod hears of it", async (context) => {
    note(context, row("deadline"));
    const from = pod.reports.length;
    const ran = await grpcurl(["-max-time", "1.5", "-H", "x-hang: 1", "-d", '""'], [`${SERVICE}/Unary`]);
    expect(ran.code).toBe(64 + 4);
    await pod.report(({ event, how }) => event === "end" && how === "cancelled", from);
  });

  test.skipIf(missingCurl() !== null)(
    "curl: JSON to a pod that takes protobuf alone, by its reflection",
    async (context) => {
      const curl = (await runProgram("curl", ["--version"])).output.split(" ").slice(0, 2).join(" ");
      note(context, {
        table: "clients",
        order: 63,
        name: "curl --json, schema by reflection, HTTP/1.1",
        versions: curl,
        column: "unary",
      });
      const message = JSON.stringify(base64("hello"));
      const url = `http://${gateway?.address}/${SERVICE}/Unary`;
      const { output } = await runProgram("curl", ["-sS", "-i", "-H", "x-trail-a: z", "--json", "@-", url], message);
      expect(output).toContain(message);
      const seen = answerOfConnectUnary(output);
      expect(seen.code).toBe(0);
      expect(seen.trailers).toEqual([["x-trail-a", "z"]]);
    },
  );
});
