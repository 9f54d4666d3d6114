import http2 from "node:http2";
import type { Socket } from "node:net";
import { create, type MessageShape } from "@bufbuild/protobuf";
import { type BytesValue, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { describeEcho, encodeMessage, type Kind, pattern, readWishes, type Wishes } from "../support/echo.ts";
import { onCommand, readPodOptions, say, write } from "../support/pod-talk.ts";

/**
 * The Echo service on @connectrpc/connect-node over node:http2, in a process of its own. It also does on command what pods do
 * to their connections: `hold` and `release` the answers, `goaway`, `leave`. It says when connections come and go.
 */

type Message = MessageShape<typeof BytesValueSchema>;

const options = readPodOptions();

/** Answers wait for it while the pod holds them. */
let gate: { readonly opened: Promise<void>; open(): void } | null = null;

function close(): typeof gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function wishesOf(context: HandlerContext): Wishes {
  return readWishes(
    (key) => context.requestHeader.get(key),
    (key) => {
      const value = context.requestHeader.get(key);
      return value === null ? null : Buffer.from(value, "base64");
    },
  );
}

function message(value: Uint8Array): BytesValue {
  return create(BytesValueSchema, { value });
}

/** Says that the call has come, sends its headers, and gives what is needed to end it. */
async function begin(kind: Kind, context: HandlerContext) {
  const wishes = wishesOf(context);
  say({ event: "call", kind, metadata: write(context.requestHeader) });
  const received: number[] = [];
  let over = false;
  context.signal.addEventListener("abort", () => {
    if (!over) say({ event: "end", kind, how: "cancelled" });
    over = true;
  });
  for (const [key, value] of context.requestHeader) {
    if (key.startsWith("x-echo-")) context.responseHeader.append(key, value);
    if (key.startsWith("x-trail-")) context.responseTrailer.append(key, value);
  }
  if (options.work > 0) await new Promise((resolve) => setTimeout(resolve, options.work));
  if (gate !== null) await gate.opened;
  return {
    wishes,
    received: (request: Message): void => {
      received.push(encodeMessage(request.value).length);
    },
    total: (): number => received.reduce((sum, bytes) => sum + bytes, 0),
    sized: (request: Message): BytesValue =>
      wishes.answerBytes === null ? message(request.value) : message(pattern(wishes.answerBytes)),
    /** Waits for ever, throws, or returns: as the call wished to end. */
    finish: async (): Promise<void> => {
      if (wishes.hang) await new Promise(() => {});
      if (!over) say({ event: "end", kind, how: wishes.fail === null ? "ok" : "failed", received });
      over = true;
      if (wishes.fail === null) return;
      const error = new ConnectError(wishes.fail.message, wishes.fail.code as Code);
      if (wishes.fail.details !== null)
        error.details = [{ type: "google.protobuf.BytesValue", value: wishes.fail.details }];
      throw error;
    },
  };
}

const implementation = {
  unary: async (request: Message, context: HandlerContext) => {
    const call = await begin("Unary", context);
    call.received(request);
    await call.finish();
    return call.sized(request);
  },
  serverStream: async function* (request: Message, context: HandlerContext) {
    const call = await begin("ServerStream", context);
    call.received(request);
    for (let i = 0; i < call.wishes.answers; i++) yield call.sized(request);
    await call.finish();
  },
  clientStream: async (requests: AsyncIterable<Message>, context: HandlerContext) => {
    const call = await begin("ClientStream", context);
    if (!call.wishes.early) for await (const request of requests) call.received(request);
    await call.finish();
    return message(new TextEncoder().encode(String(call.total())));
  },
  bidi: async function* (requests: AsyncIterable<Message>, context: HandlerContext) {
    const call = await begin("Bidi", context);
    if (call.wishes.early) {
      for (let i = 0; i < call.wishes.answers; i++) yield call.sized(message(new Uint8Array()));
    } else {
      for await (const request of requests) {
        call.received(request);
        yield call.sized(request);
      }
    }
    await call.finish();
  },
};

const sessions = new Set<http2.ServerHttp2Session>();
const sockets = new Set<Socket>();
let accepted = 0;
const settings = options.maxConcurrentStreams === null ? {} : { maxConcurrentStreams: options.maxConcurrentStreams };
const server = http2.createServer(
  { settings },
  connectNodeAdapter({
    // Every service made at run time has methods that TypeScript cannot know; `missing` is left out, hence unimplemented.
    routes: (router) => router.service(describeEcho(), implementation as never),
  }),
);
server.on("connection", (socket: Socket) => {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});
server.on("session", (session) => {
  sessions.add(session);
  say({ event: "connection", open: sessions.size, accepted: ++accepted });
  const age = options.maxConnectionAge;
  const timer = age === null ? null : setTimeout(() => session.close(), age);
  session.on("error", () => {});
  session.once("close", () => {
    if (timer !== null) clearTimeout(timer);
    sessions.delete(session);
    say({ event: "disconnection", open: sessions.size, accepted });
  });
});

/** As a pod does on SIGTERM: no new connections, GOAWAY on those that are open, calls finish, the process ends. */
function leave(): void {
  server.close(() => process.exit(0));
  for (const session of sessions) session.close();
}

process.once("SIGTERM", leave);
onCommand((command) => {
  switch (command.do) {
    case "hold":
      gate ??= close();
      break;
    case "release":
      gate?.open();
      gate = null;
      break;
    case "goaway":
      // Names the last stream that it will still serve; those above it were not processed, whatever it began to do.
      for (const session of sessions) session.goaway(http2.constants.NGHTTP2_NO_ERROR, Number(command.last));
      break;
    case "abort":
      for (const session of sessions) session.goaway(http2.constants.NGHTTP2_INTERNAL_ERROR, Number(command.last));
      // After the GOAWAY has left.
      setImmediate(() => {
        for (const socket of sockets) socket.destroySoon();
      });
      break;
    case "leave":
      leave();
      break;
  }
  say({ event: "done", command: command.do });
});
server.listen(options.port, options.host, () => {
  const address = server.address();
  say({ event: "listening", host: options.host, port: typeof address === "object" ? address?.port : 0 });
});
