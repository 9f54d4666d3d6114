import { markdown, type Row } from "./table.ts";

export type Rows = Record<"clients" | "frames" | "json" | "pods" | "servers", Row[]>;

/** docs/bad-input.md. @param http1Rows lines of a table */
export function pageOf(rows: Rows, http1Rows: readonly string[]): string {
  return `# Bad input

<!-- Written by npx vitest run test/bad-input -u, from what its clients saw. Do not edit: the test fails when this page is stale. -->

What each protocol's client sees when something is wrong: the code, the HTTP status where it is not 200 by the protocol's own rules, and the
message. The client's connection goes on afterwards, unless a cell says "closed", and nothing stays open or counted. Over HTTP/1.1 the same
is seen unless a cell says otherwise, except for gRPC, which is answered 426 there. An empty cell: the protocol cannot say it.

## Clients

"ok": passed on to the pod, whose business it is. A gateway that knows no schema does not know which calls are unary, and it never looks into
messages; the pods of this table answer OK to everything. gRPC is spliced: not even its envelopes are looked at.

${markdown(rows.clients, true)}

## JSON, to pods that take protobuf

With \`json: transcode\`. The pod gets no message of it.

${markdown(rows.json, false)}

## Frames of HTTP/2

A request that is good but for its frames or its head (RFC 9113 8). The stream is reset and nothing else; other calls on the connection go on.

${markdown(rows.frames, true)}

## HTTP/1.1

Over a socket, each followed by a good call on the same connection. It is kept where the end of the request is certain (RFC 9112 9.3), and
ends where another reader could see the next request in another place; then nothing after the mistake reaches a pod.

| | answers | connection | message |
|---|---|---|---|
${http1Rows.join("\n")}

A TLS client at a plaintext port gets an error of its own TLS library, plaintext clients at a TLS port see the connection closed without a
byte of HTTP; no pod hears of either, and other clients are served.

## Pods

${markdown([...rows.pods, ...rows.servers], false)}
`;
}
