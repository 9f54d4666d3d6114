import * as grpc from "@grpc/grpc-js";
import { type CallCase, type Client, type Observation, ownWords, summary } from "../support/call.ts";
import { encodeMessage, pathOf, pattern, streamsRequests, streamsResponses } from "../support/echo.ts";
import { write } from "../support/pod-talk.ts";

const bytes = (message: Buffer): Buffer => message;

export function grpcJsMetadata(call: CallCase): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of call.metadata ?? []) {
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function* entries(metadata: grpc.Metadata): Generator<readonly [string, string | Buffer]> {
  for (const key of Object.keys(metadata.getMap())) for (const value of metadata.get(key)) yield [key, value];
}

async function observeOne(client: grpc.Client, call: CallCase): Promise<Observation> {
  const options: grpc.CallOptions = call.deadline === undefined ? {} : { deadline: Date.now() + call.deadline };
  const path = pathOf(call.kind);
  const metadata = grpcJsMetadata(call);
  const messages = call.sends.map((size) => Buffer.from(encodeMessage(pattern(size))));
  const manyRequests = call.kind !== "Missing" && streamsRequests(call.kind);
  const manyAnswers = call.kind !== "Missing" && streamsResponses(call.kind);
  const answers: string[] = [];
  const headers: (readonly [string, string | Buffer])[] = [];

  return new Promise((resolve) => {
    const one = messages[0] ?? Buffer.alloc(0);
    const answered = (_error: grpc.ServiceError | null, answer?: Buffer): void => {
      if (answer !== undefined) answers.push(summary(answer));
    };
    const made = manyAnswers
      ? manyRequests
        ? client.makeBidiStreamRequest(path, bytes, bytes, metadata, options)
        : client.makeServerStreamRequest(path, bytes, bytes, one, metadata, options)
      : manyRequests
        ? client.makeClientStreamRequest(path, bytes, bytes, metadata, options, answered)
        : client.makeUnaryRequest(path, bytes, bytes, one, metadata, options, answered);

    const waiting = manyRequests ? [...messages] : [];
    const sendNext = (): void => {
      const next = waiting.shift();
      if (next === undefined) (made as grpc.ClientWritableStream<Buffer>).end();
      else (made as grpc.ClientWritableStream<Buffer>).write(next);
    };
    made.on("metadata", (received: grpc.Metadata) => headers.push(...entries(received)));
    made.on("error", () => {});
    if (manyAnswers) {
      made.on("data", (answer: Buffer) => {
        answers.push(summary(answer));
        if (answers.length === call.cancelAfter) made.cancel();
        else if (call.pingPong) sendNext();
      });
    }
    made.on("status", (status: grpc.StatusObject) => {
      // The callback of a unary call runs in the same turn as `status`, before or after it.
      setImmediate(() =>
        resolve({
          code: status.code,
          message: ownWords(status.code, call) ? "" : status.details,
          headers: write(headers),
          trailers: write(entries(status.metadata)),
          answers,
        }),
      );
    });
    if (!manyRequests) return;
    if (call.pingPong) sendNext();
    else while (!(made as grpc.ClientWritableStream<Buffer>).writableEnded) sendNext();
  });
}

export const grpcJs: Client = {
  name: "grpc-js",
  observe: (address, cases) => observeByGrpcJs(address, cases, grpc.credentials.createInsecure()),
};

export async function observeByGrpcJs(
  address: string,
  cases: readonly CallCase[],
  credentials: grpc.ChannelCredentials,
): Promise<readonly Observation[]> {
  const settings = {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    // Unheard without TLS. Else it sends an address as the server's name, which Node 26 throws at (RFC 6066 3).
    "grpc.ssl_target_name_override": "localhost",
  };
  const plain = new grpc.Client(address, credentials, settings);
  const gzip = new grpc.Client(address, credentials, {
    ...settings,
    "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
  });
  try {
    const observations: Observation[] = [];
    for (const call of cases) observations.push(await observeOne(call.compress ? gzip : plain, call));
    return observations;
  } finally {
    plain.close();
    gzip.close();
  }
}
