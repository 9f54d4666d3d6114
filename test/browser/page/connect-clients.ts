import { fromJson, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  BrowserService,
  CountRequestSchema,
  CountResponseSchema,
  SayRequestSchema,
  SayResponseSchema,
  WhySchema,
} from "../gen/fairlead/browser/v1/browser_pb.ts";
import type { CallError, CallSpec, ClientName, Outcome, Pair } from "./spec.ts";

/** @connectrpc/connect-web, as an app uses it. */

function transport(client: ClientName, baseUrl: string): Transport {
  switch (client) {
    case "connect-json":
      return createConnectTransport({ baseUrl });
    case "connect-binary":
      return createConnectTransport({ baseUrl, useBinaryFormat: true });
    case "connect-get":
      return createConnectTransport({ baseUrl, useHttpGet: true });
    case "connect-web-grpc-web-binary":
      return createGrpcWebTransport({ baseUrl });
    case "connect-web-grpc-web-json":
      return createGrpcWebTransport({ baseUrl, useBinaryFormat: false });
    default:
      throw new Error(`${client} is not connect-web's`);
  }
}

export async function callByConnect(spec: CallSpec, signal: AbortSignal, report: (what: string) => void) {
  const client = createClient(BrowserService, transport(spec.client, spec.baseUrl));
  let header: Pair[] = [];
  let trailer: Pair[] = [];
  const messages: JsonValue[] = [];
  const options = {
    signal,
    headers: spec.headers?.map(([name, value]) => [name, value] as [string, string]) ?? [],
    ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
    onHeader: (headers: Headers) => {
      header = [...headers];
    },
    onTrailer: (headers: Headers) => {
      trailer = [...headers];
    },
  };
  let error: CallError | null = null;
  try {
    if (spec.method === "Count") {
      for await (const message of client.count(fromJson(CountRequestSchema, spec.request), options)) {
        messages.push(toJson(CountResponseSchema, message));
        report(`message ${messages.length}`);
      }
    } else {
      const request = fromJson(SayRequestSchema, spec.request);
      const message = await (spec.method === "Say" ? client.say(request, options) : client.look(request, options));
      messages.push(toJson(SayResponseSchema, message));
    }
  } catch (caught) {
    error = asError(ConnectError.from(caught));
  }
  return { messages, header, trailer, error } satisfies Outcome;
}

export function asError(error: ConnectError): CallError {
  return {
    code: snakeCase(Code[error.code]),
    message: error.rawMessage,
    metadata: [...error.metadata],
    details: error.findDetails(WhySchema).map((why: Message) => toJson(WhySchema, why as never)),
  };
}

/** `NotFound` is `not_found`. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at) => `${at > 0 ? "_" : ""}${letter.toLowerCase()}`);
}
