import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { Messages } from "../../conformance/messages.ts";

/** What the suite asks a client to do (connectrpc.conformance.v1.ClientCompatRequest). */
export type CompatRequest = Message & {
  testName: string;
  codec: number;
  compression: number;
  host: string;
  port: number;
  serverTlsCert: Uint8Array;
  clientTlsCreds?: { cert: Uint8Array; key: Uint8Array };
  messageReceiveLimit: number;
  method?: string;
  streamType: number;
  requestHeaders: readonly Header[];
  requestMessages: readonly Any[];
  timeoutMs?: number;
  requestDelayMs: number;
  cancel?: { cancelTiming: CancelTiming };
};

type CancelTiming =
  | { readonly case: "beforeCloseSend"; readonly value: unknown }
  | { readonly case: "afterCloseSendMs" | "afterNumResponses"; readonly value: number }
  | { readonly case?: undefined };

interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

/** What became of it (ClientResponseResult). */
export interface CompatResult {
  responseHeaders: Header[];
  responseTrailers: Header[];
  payloads: unknown[];
  error?: { code: number; message: string; details: unknown[] };
  numUnsentRequests: number;
}

/** Values of the suite's StreamType. */
const FULL_DUPLEX = 5;

type Answer = Message & { readonly payload?: unknown };
type Untyped = Readonly<Record<string, (input: unknown, options: CallOptions) => unknown>>;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Makes the call that the request describes, as an application of Connect would. */
export async function makeCall(
  request: CompatRequest,
  transport: Transport,
  messages: Messages,
): Promise<CompatResult> {
  const service = messages.registry.getService("connectrpc.conformance.v1.ConformanceService") as DescService;
  const method = service.methods.find(({ name }) => name === request.method);
  if (method === undefined) throw new Error(`there is no method ${request.method}`);
  const client = createClient(service, transport) as unknown as Untyped;
  const timing: CancelTiming = request.cancel?.cancelTiming ?? {};
  // "If none are present, the client should cancel immediately after all request messages are sent".
  const cancelMs =
    timing.case === "afterCloseSendMs"
      ? timing.value
      : request.cancel !== undefined && timing.case === undefined
        ? 0
        : -1;
  const controller = new AbortController();
  const result: CompatResult = { responseHeaders: [], responseTrailers: [], payloads: [], numUnsentRequests: 0 };
  const options: CallOptions = {
    signal: controller.signal,
    headers: request.requestHeaders.flatMap(({ name, value }) => value.map((one): [string, string] => [name, one])),
    onHeader: (headers) => {
      result.responseHeaders = listOf(headers);
    },
    onTrailer: (trailers) => {
      result.responseTrailers = listOf(trailers);
    },
    ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
  };
  const inputs = request.requestMessages.map((any) => unpack(any, method));
  const afterClose = async (): Promise<void> => {
    if (cancelMs < 0) return;
    await sleep(cancelMs);
    controller.abort();
  };
  /** In full duplex an answer is read before the next message is sent. */
  const turns = request.streamType === FULL_DUPLEX ? createTurns() : null;
  async function* sent(): AsyncIterable<Message> {
    let at = 0;
    for (const input of inputs) {
      if (at++ > 0) await turns?.next();
      await sleep(request.requestDelayMs);
      if (controller.signal.aborted) return;
      yield input;
    }
    if (inputs.length > 0) await turns?.next();
    if (timing.case === "beforeCloseSend") controller.abort();
    else void afterClose();
  }
  try {
    const call = client[method.localName];
    switch (method.methodKind) {
      case "unary": {
        await sleep(request.requestDelayMs);
        const answer = call(inputs[0], options) as Promise<Answer>;
        void afterClose();
        take(result, await answer, messages);
        break;
      }
      case "client_streaming":
        take(result, await (call(sent(), options) as Promise<Answer>), messages);
        break;
      case "server_streaming":
      case "bidi_streaming": {
        const one = method.methodKind === "server_streaming";
        if (one) await sleep(request.requestDelayMs);
        const answers = call(one ? inputs[0] : sent(), options) as AsyncIterable<Answer>;
        if (one) void afterClose();
        for await (const answer of answers) {
          take(result, answer, messages);
          if (timing.case === "afterNumResponses" && timing.value === result.payloads.length) controller.abort();
          turns?.give();
        }
        break;
      }
    }
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    result.error = { code: error.code, message: error.rawMessage, details: error.details.map(packDetail) };
    if (result.responseTrailers.length === 0) result.responseTrailers = listOf(error.metadata);
  }
  return result;
}

function take(result: CompatResult, answer: Answer, messages: Messages): void {
  const empty = messages.registry.getMessage("connectrpc.conformance.v1.ConformancePayload") as DescMessage;
  result.payloads.push(answer.payload ?? create(empty));
}

function unpack(any: Any, method: DescMethod): Message {
  const name = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
  if (name !== method.input.typeName) throw new Error(`${method.name} takes ${method.input.typeName} and not ${name}`);
  return fromBinary(method.input, any.value);
}

function packDetail(detail: ConnectError["details"][number]): unknown {
  if (!("type" in detail)) throw new Error("details of an answer are packed");
  return {
    typeUrl: `type.googleapis.com/${detail.type}`,
    value: detail.value,
  } satisfies MessageInitShape<DescMessage> & {
    typeUrl: string;
  };
}

function listOf(headers: Headers): Header[] {
  return [...headers].map(([name, value]) => ({ name, value: value.split(/,\s*/) }));
}

/** One side waits for the other's turn. */
function createTurns(): { next(): Promise<void>; give(): void } {
  let free = 0;
  let waiting: (() => void) | null = null;
  return {
    next: () =>
      new Promise((resolve) => {
        if (free > 0) {
          free--;
          resolve();
        } else waiting = resolve;
      }),
    give: () => {
      if (waiting === null) free++;
      else waiting();
      waiting = null;
    },
  };
}
