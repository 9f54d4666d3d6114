import type { TransportDns, TransportOptions } from "./options.ts";

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
  interceptors: "list",
  useBinaryFormat: "boolean",
  jsonOptions: "object",
  binaryOptions: "object",
  acceptCompression: "list",
  sendCompression: "object or null",
  compressMinBytes: "whole number",
  readMaxBytes: "whole number",
  writeMaxBytes: "whole number",
  log: "object",
  machine: "object",
};

const dnsKinds: { readonly [Name in keyof Required<TransportDns>]: Kind } = {
  periodMs: "number",
  timeoutMs: "number",
  holdMs: "number",
  family: "text",
};

type Kind = "text" | "number" | "positive number" | "whole number" | "boolean" | "list" | "object" | "object or null";

function is(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string" && value !== "";
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "positive number":
      return typeof value === "number" && value > 0;
    case "whole number":
      return Number.isSafeInteger(value);
    case "boolean":
      return typeof value === "boolean";
    case "list":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null;
    case "object or null":
      return typeof value === "object";
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
  return kind.startsWith("object") ? `an ${kind}` : `a ${kind}`;
}

/** @throws RangeError naming the option that does not exist, or is of another kind */
export function checkOptions(options: TransportOptions): void {
  if (!is("object", options))
    throw new RangeError('transport: options must be an object, such as { target: "dns:///svc:50051" }');
  if (options.target === undefined)
    throw new RangeError("transport: target is missing; write dns:///svc:50051, for instance");
  check(options, kinds, "");
  if (options.dns !== undefined) check(options.dns, dnsKinds, "dns.");
}
