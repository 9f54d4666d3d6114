import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { observeOverTransport } from "../../e2e/clients/connect-node.ts";
import type { CallCase, Observation } from "../../e2e/support/call.ts";
import { CASES } from "../../e2e/support/cases.ts";

/** Clients that others wrote, over HTTP/1.1, which every platform has. */
export const CLIENTS = [
  { name: "Connect", transport: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }) },
  { name: "gRPC-Web", transport: (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }) },
] as const satisfies readonly { readonly name: string; transport(baseUrl: string): Transport }[];

/**
 * The suite's client makes bidi calls over HTTP/2 only. The others that are left out say something of gRPC alone: its envelope's
 * compression, a message that is over the gateway's limit by its envelope, and a status whose two messages differ.
 */
export const CALLS: readonly CallCase[] = CASES.filter(
  ({ kind, compress, what }) =>
    kind !== "Bidi" && compress !== true && !what.includes("4 MiB") && !what.includes("ASCII"),
);

/** What is equal whichever protocol the client speaks: the metadata that pod and client agreed on, and all the rest. */
export function essence({ code, message, headers, trailers, answers }: Observation): object {
  const own = (fields: Observation["headers"]) =>
    fields
      .filter(([name]) => name.startsWith("x-"))
      .map(String)
      .sort();
  return { code, message, metadata: [...own(headers), ...own(trailers)].sort(), answers };
}

export async function observeAll(transport: Transport, calls: readonly CallCase[]): Promise<readonly Observation[]> {
  const observations: Observation[] = [];
  for (const call of calls) observations.push(await observeOverTransport(transport, call));
  return observations;
}

/** A stream whose client leaves after the first answer, while the pod waits for it to leave. */
export const LEFT_WAITING: CallCase = CASES.find(({ what }) => what.includes("cancelled")) as CallCase;

/** The same while the pod is sending, 64 KiB each time. */
export const LEFT_READING: CallCase = {
  ...LEFT_WAITING,
  metadata: [
    ["x-answers", "1000"],
    ["x-answer-bytes", "65536"],
    ["x-hang", "1"],
  ],
};
