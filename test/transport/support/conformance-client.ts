/**
 * The client under test of `npm run conformance:transport`: reads ClientCompatRequests, makes each call over a transport of
 * fairlead/transport as an application of Connect would, and writes what became of it.
 *
 * Environment: CONFORMANCE_DESCRIPTORS (file).
 */
import process from "node:process";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { compressionGzip } from "../../../src/runtime/compression.ts";
import { type BalancingTransport, createTransport } from "../../../src/transport/create-transport.ts";
import { frame, readFrames } from "../../conformance/delimited.ts";
import { loadMessages } from "../../conformance/messages.ts";
import { type CompatRequest, type CompatResult, makeCall } from "./conformance-call.ts";

/** Values of the suite's enums Codec and Compression. */
const CODEC_PROTO = 1;
const COMPRESSION_GZIP = 2;

/**
 * Calls at a time. The suite sends all at once; a deadline is cut by what is spent before a connection is there, and it allows half a
 * second of that.
 */
const AT_ONCE = 16;

const messages = loadMessages(process.env.CONFORMANCE_DESCRIPTORS ?? "");
const responseType = messages.registry.getMessage("connectrpc.conformance.v1.ClientCompatResponse") as DescMessage;
const text = new TextDecoder();

/** By everything that a transport is made of: calls share connections as they do in an application. */
const transports = new Map<string, BalancingTransport>();

const running = new Set<Promise<void>>();
for await (const bytes of readFrames(process.stdin)) {
  const request = fromBinary(messages.clientRequest, bytes) as CompatRequest;
  const call = answer(request).then((response) => {
    process.stdout.write(frame(toBinary(responseType, create(responseType, response))));
    running.delete(call);
  });
  running.add(call);
  if (running.size >= AT_ONCE) await Promise.race(running);
}
await Promise.all(running);
await Promise.all([...transports.values()].map((transport) => transport.close()));

async function answer(request: CompatRequest): Promise<MessageInitShape<DescMessage> & Record<string, unknown>> {
  const { testName } = request;
  try {
    const result: CompatResult = await makeCall(request, transportFor(request), messages);
    return { testName, result: { case: "response", value: result } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { testName, result: { case: "error", value: { message } } };
  }
}

function transportFor(request: CompatRequest): BalancingTransport {
  const { host, port, codec, compression, serverTlsCert, clientTlsCreds, messageReceiveLimit } = request;
  const key = [host, port, codec, compression, text.decode(serverTlsCert), messageReceiveLimit];
  if (clientTlsCreds !== undefined) key.push(text.decode(clientTlsCreds.cert));
  const known = transports.get(key.join());
  if (known !== undefined) return known;
  const client =
    clientTlsCreds === undefined
      ? {}
      : { cert: text.decode(clientTlsCreds.cert), key: text.decode(clientTlsCreds.key) };
  const made = createTransport({
    target: `${host}:${port}`,
    useBinaryFormat: codec === CODEC_PROTO,
    jsonOptions: { registry: messages.registry },
    acceptCompression: compression === COMPRESSION_GZIP ? [compressionGzip] : [],
    sendCompression: compression === COMPRESSION_GZIP ? compressionGzip : null,
    compressMinBytes: 0,
    ...(messageReceiveLimit === 0 ? {} : { readMaxBytes: messageReceiveLimit }),
    ...(serverTlsCert.length === 0 ? {} : { tls: { ca: text.decode(serverTlsCert), ...client } }),
  });
  transports.set(key.join(), made);
  return made;
}
