import * as grpc from "@grpc/grpc-js";
import { encodeMessage, KINDS, type Kind, pathOf, pattern, readWishes, type Wishes } from "../support/echo.ts";
import { onCommand, readPodOptions, say, write } from "../support/pod-talk.ts";

/** The Echo service on @grpc/grpc-js, in a process of its own. Messages stay bytes: the library adds and removes the envelope. */

type Call = grpc.ServerUnaryCall<Buffer, Buffer> &
  grpc.ServerReadableStream<Buffer, Buffer> &
  grpc.ServerWritableStream<Buffer, Buffer> &
  grpc.ServerDuplexStream<Buffer, Buffer>;

const options = readPodOptions();
const server = new grpc.Server({
  "grpc.max_receive_message_length": -1,
  ...(options.maxConcurrentStreams !== null && { "grpc.max_concurrent_streams": options.maxConcurrentStreams }),
  ...(options.maxConnectionAge !== null && {
    "grpc.max_connection_age_ms": options.maxConnectionAge,
    "grpc.max_connection_age_grace_ms": 60_000,
  }),
});

function* entries(metadata: grpc.Metadata): Generator<readonly [string, string | Buffer]> {
  for (const key of Object.keys(metadata.getMap())) for (const value of metadata.get(key)) yield [key, value];
}

/** Those whose key begins with the prefix, as metadata of their own. */
function echoed(metadata: grpc.Metadata, prefix: string): grpc.Metadata {
  const result = new grpc.Metadata();
  for (const [key, value] of entries(metadata)) if (key.startsWith(prefix)) result.add(key, value);
  return result;
}

function failure(wishes: Wishes, trailers: grpc.Metadata): Partial<grpc.ServiceError> | null {
  if (wishes.fail === null) return null;
  if (wishes.fail.details !== null) trailers.add("grpc-status-details-bin", Buffer.from(wishes.fail.details));
  return { code: wishes.fail.code, details: wishes.fail.message, metadata: trailers };
}

async function serve(kind: Kind, call: Call, answerOnce?: grpc.sendUnaryData<Buffer>): Promise<void> {
  const wishes = readWishes(
    (key) => call.metadata.get(key)[0]?.toString() ?? null,
    (key) => (call.metadata.get(key)[0] as Buffer | undefined) ?? null,
  );
  say({ event: "call", kind, metadata: write(entries(call.metadata)) });
  const received: number[] = [];
  // grpc-js says "cancelled" at the end of every call, also of those that ended well.
  let over = false;
  const end = (how: string): void => {
    if (!over) say(how === "cancelled" ? { event: "end", kind, how } : { event: "end", kind, how, received });
    over = true;
  };
  call.on("cancelled", () => end("cancelled"));

  call.sendMetadata(echoed(call.metadata, "x-echo-"));
  const trailers = echoed(call.metadata, "x-trail-");
  const failed = failure(wishes, trailers);
  const size = wishes.answerBytes;
  const sized = (request: Buffer): Buffer => (size === null ? request : Buffer.from(encodeMessage(pattern(size))));
  const finish = (answer: Buffer): void => {
    if (wishes.hang) return;
    end(failed === null ? "ok" : "failed");
    if (answerOnce !== undefined) answerOnce(failed, answer, trailers);
    else if (failed !== null) call.emit("error", failed);
    else call.end(trailers);
  };
  const send = async (message: Buffer): Promise<void> => {
    if (!call.write(message)) await new Promise((resolve) => call.once("drain", resolve));
  };

  if (options.work > 0) await new Promise((resolve) => setTimeout(resolve, options.work));
  if (kind === "Unary") {
    received.push(call.request.length);
    finish(sized(call.request));
  } else if (kind === "ServerStream") {
    received.push(call.request.length);
    for (let i = 0; i < wishes.answers && !call.cancelled; i++) await send(sized(call.request));
    finish(call.request);
  } else if (wishes.early) {
    if (kind === "Bidi") for (let i = 0; i < wishes.answers; i++) await send(sized(Buffer.alloc(0)));
    finish(Buffer.alloc(0));
  } else {
    // The stream must outlive its requests: the answers are written to it.
    for await (const message of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received.push(message.length);
      if (kind === "Bidi") await send(sized(message));
    }
    const total = received.reduce((sum, bytes) => sum + bytes, 0);
    finish(Buffer.from(encodeMessage(new TextEncoder().encode(String(total)))));
  }
}

const bytes = (message: Buffer): Buffer => message;
const types = { Unary: "unary", ServerStream: "serverStream", ClientStream: "clientStream", Bidi: "bidi" } as const;
for (const kind of KINDS) {
  const handler = (call: Call, answerOnce?: grpc.sendUnaryData<Buffer>): void => {
    // A stream that the client has cancelled throws in the middle of its iteration; "cancelled" was said already.
    serve(kind, call, answerOnce).catch(() => {});
  };
  server.register(pathOf(kind), handler as grpc.UntypedHandleCall, bytes, bytes, types[kind]);
}

function leave(): void {
  server.tryShutdown(() => process.exit(0));
}

server.bindAsync(`${options.host}:${options.port}`, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  say({ event: "listening", host: options.host, port });
});
process.once("SIGTERM", leave);
onCommand((command) => {
  if (command.do === "leave") leave();
});
