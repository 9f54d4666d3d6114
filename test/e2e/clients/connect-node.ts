import { create, type DescMethod } from "@bufbuild/protobuf";
import { type BytesValue, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type CallCase, type Client, type Observation, ownWords, summary } from "../support/call.ts";
import { describeEcho, encodeMessage, pattern } from "../support/echo.ts";
import { write } from "../support/pod-talk.ts";

const service = describeEcho();

function methodOf(call: CallCase): DescMethod {
  const method = service.methods.find((candidate) => candidate.name === call.kind);
  if (method === undefined) throw new Error(`no method ${call.kind}`);
  return method;
}

/** Errors carry headers and trailers together: they count as trailers. */
export async function observeOverTransport(transport: Transport, call: CallCase): Promise<Observation> {
  const method = methodOf(call);
  const cancel = new AbortController();
  const header = new Headers();
  for (const [name, value] of call.metadata ?? []) header.append(name, value);
  const answers: string[] = [];
  let wake = (): void => {};
  const message = (size: number): BytesValue => create(BytesValueSchema, { value: pattern(size) });
  async function* requests(): AsyncGenerator<BytesValue> {
    for (const [index, size] of call.sends.entries()) {
      while (call.pingPong && answers.length < index) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      yield message(size);
    }
    // The half-close of a ping-pong comes after the last answer, as the other clients do it.
    while (call.pingPong && answers.length < call.sends.length) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  let headers: Headers | undefined;
  let trailers: Headers | undefined;
  const took = (answer: unknown): void => {
    answers.push(summary(encodeMessage((answer as BytesValue).value)));
    wake();
    if (answers.length === call.cancelAfter) cancel.abort();
  };
  try {
    if (method.methodKind === "unary") {
      const response = await transport.unary(
        method as never,
        cancel.signal,
        call.deadline,
        header,
        message(call.sends[0] ?? 0) as never,
      );
      headers = response.header;
      trailers = response.trailer;
      took(response.message);
    } else {
      const response = await transport.stream(
        method as never,
        cancel.signal,
        call.deadline,
        header,
        requests() as never,
      );
      headers = response.header;
      for await (const answer of response.message) took(answer);
      trailers = response.trailer;
    }
    return { code: 0, message: "", headers: write(headers), trailers: write(trailers), answers };
  } catch (reason) {
    const error = ConnectError.from(reason);
    const own = ownWords(error.code, call);
    const details = error.details.map((detail) => ["detail", JSON.stringify(detail)] as const);
    return {
      code: error.code,
      message: own ? "" : error.rawMessage,
      headers: write(headers ?? []),
      trailers: own ? [] : write([...error.metadata, ...details]),
      answers,
    };
  }
}

export const connectNode: Client = {
  name: "connect-node",
  observe: async (address, cases) => {
    const baseUrl = `http://${address}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const plain = createGrpcTransport({ baseUrl, sessionManager });
    const gzip = createGrpcTransport({
      baseUrl,
      sessionManager,
      sendCompression: compressionGzip,
      compressMinBytes: 0,
    });
    try {
      const observations: Observation[] = [];
      for (const call of cases) observations.push(await observeOverTransport(call.compress ? gzip : plain, call));
      return observations;
    } finally {
      sessionManager.abort();
    }
  },
};
