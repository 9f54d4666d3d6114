import type { Compression } from "@connectrpc/connect/protocol";
import type { DialTls } from "../runtime/machine.ts";
import type { TransportDns, TransportOptions } from "./options.ts";

const tlsKinds: { readonly [Name in keyof Required<DialTls>]: Kind } = {
  ca: "PEM text",
  serverName: "text",
  cert: "PEM text",
  key: "PEM text",
  insecure: "boolean",
};

/** What each option may be, for callers whom no compiler checks. An option of this list alone is known. */
const kinds: { readonly [Name in keyof Required<TransportOptions>]: Kind } = {
  target: "text",
  policy: "text",
  ties: "text",
  subset: "whole number",
  dns: "object",
  tls: "object",
  authority: "text",
  connectTimeoutMs: "number",
  idleTimeoutMs: "number",
  retryBufferBytes: "whole number",
  maxPending: "whole number",
  defaultTimeoutMs: "positive number",
  interceptors: "list of functions",
  useBinaryFormat: "boolean",
  jsonOptions: "object",
  binaryOptions: "object",
  acceptCompression: "list of compressions",
  sendCompression: "compression or null",
  compressMinBytes: "number of bytes",
  readMaxBytes: "number of bytes from 1 to 4294967295",
  writeMaxBytes: "number of bytes from 1 to 4294967295",
  log: "object",
  machine: "object",
};

const dnsKinds: { readonly [Name in keyof Required<TransportDns>]: Kind } = {
  periodMs: "number",
  timeoutMs: "number",
  holdMs: "number",
  family: "text",
};

type Kind =
  | "text"
  | "PEM text"
  | "number"
  | "positive number"
  | "whole number"
  | "number of bytes"
  | "number of bytes from 1 to 4294967295"
  | "boolean"
  | "list of functions"
  | "list of compressions"
  | "compression or null"
  | "object";

/** What an envelope's length can say. */
const MOST_BYTES = 0xffff_ffff;
/** RFC 3986 3.2.2, 3.2.3: a host, and a port where there is one. No user, no path. */
const authorityPattern = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(:\d*)?$/;

function is(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string" && value !== "";
    case "PEM text":
      // The platform takes a file's bytes as well.
      return is("text", value) || value instanceof Uint8Array;
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "positive number":
      return typeof value === "number" && value > 0;
    case "whole number":
      return Number.isSafeInteger(value);
    case "number of bytes":
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_BYTES;
    case "number of bytes from 1 to 4294967295":
      return value !== 0 && is("number of bytes", value);
    case "boolean":
      return typeof value === "boolean";
    case "list of functions":
      return Array.isArray(value) && value.every((one) => typeof one === "function");
    case "list of compressions":
      return Array.isArray(value) && value.every((one) => one !== null && is("compression or null", one));
    case "compression or null":
      return value === null || (is("object", value) && is("text", (value as Partial<Compression>).name));
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function check(given: object, known: Readonly<Record<string, Kind>>, prefix: string): void {
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      throw new RangeError(`transport: ${prefix}${name} is no option; there are ${Object.keys(known).join(", ")}`);
    }
    if (value !== undefined && !is(kind, value))
      throw new RangeError(`transport: ${prefix}${name} must be ${article(kind)}`);
  }
}

function article(kind: Kind): string {
  if (kind === "text") return "a text that is not empty";
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** @throws RangeError naming the option that does not exist, or is of another kind */
export function checkOptions(options: TransportOptions): void {
  if (!is("object", options))
    throw new RangeError('transport: options must be an object, such as { target: "dns:///svc:50051" }');
  if (options.target === undefined)
    throw new RangeError("transport: target is missing; write dns:///svc:50051, for instance");
  check(options, kinds, "");
  if (options.dns !== undefined) check(options.dns, dnsKinds, "dns.");
  if (options.tls !== undefined) check(options.tls, tlsKinds, "tls.");
  const { authority } = options;
  if (authority !== undefined && !authorityPattern.test(authority))
    throw new RangeError(`transport: authority: "${authority}" is not a host with or without a port; write echo:50051`);
}
