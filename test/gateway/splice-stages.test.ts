import { afterEach, describe, expect, test, vi } from "vitest";
import { JsonCall } from "../../src/json/json-call.ts";
import { JsonRequest } from "../../src/json/json-stages.ts";
import { MessageReader } from "../../src/json/message-reader.ts";
import { MessageStage } from "../../src/json/message-stage.ts";
import { Base64Decoder } from "../../src/protocols/base64.ts";
import { ConnectStreamRequest, ConnectStreamResponse } from "../../src/protocols/connect-stream.ts";
import { ConnectUnaryRequest, ConnectUnaryResponse } from "../../src/protocols/connect-unary.ts";
import { CorsResponse } from "../../src/protocols/cors.ts";
import { EnvelopeGuard } from "../../src/protocols/envelope.ts";
import { GrpcWebRequest, GrpcWebResponse } from "../../src/protocols/grpc-web.ts";
import { message, requestFields } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { startTriple } from "./support/world.ts";

/** Every method by which a stage takes part in a call. */
function spies() {
  return [
    EnvelopeGuard,
    Base64Decoder,
    CorsResponse,
    GrpcWebRequest,
    GrpcWebResponse,
    ConnectUnaryRequest,
    ConnectUnaryResponse,
    ConnectStreamRequest,
    ConnectStreamResponse,
    JsonCall,
    JsonRequest,
    MessageReader,
    MessageStage,
  ].flatMap((stage) =>
    Object.entries(Object.getOwnPropertyDescriptors(stage.prototype))
      .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
      .map(([name]) => vi.spyOn(stage.prototype as unknown as Record<string, () => void>, name)),
  );
}

afterEach(() => vi.restoreAllMocks());

describe("splice", () => {
  test("gRPC to gRPC: no protocol stage and no envelope guard is entered", async () => {
    const watched = spies();
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(10));
    const call = client.unary(message(5));
    await world.settle();
    expect(call.status.code).toBe(0);
    expect(watched.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBe(0);
  });

  test.each([
    "application/grpc-web+proto",
    "application/grpc-web-text+proto",
    "application/connect+proto",
    "application/proto",
  ])("%s through the same spies: a stage is entered, so the test above can fail", async (type) => {
    const watched = spies();
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(10));
    const fields = requestFields().map((text) => (text === "application/grpc" ? type : text));
    client.unary(message(5), fields);
    await world.settle();
    expect(watched.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBeGreaterThan(0);
  });
});
