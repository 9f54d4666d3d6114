import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type CallCase, type Observation, ownWords } from "../../e2e/support/call.ts";

/** What a client saw of a call, as clients of different protocols can be compared. */
export interface Seen {
  readonly code: number;
  readonly message: string;
  /** Type and value (base64) of each error detail. */
  readonly details: readonly string[];
  /**
   * `name: values` of what the pod was asked to send (`x-echo-*`, `x-trail-*`), sorted. For a call that ended well: headers, a
   * line, trailers. Some libraries hand out the metadata of an error as one map, so for an error they stand together.
   */
  readonly metadata: readonly string[];
  readonly answers: readonly string[];
}

/** Stands between headers and trailers. */
export const TRAILERS = "--- trailers";

/** What a client program prints. Details stand apart where the library has taken them out of the trailers. */
export interface ClientObservation extends Observation {
  readonly details?: readonly (readonly [type: string, value: string])[];
}

export function compare(observation: ClientObservation, call: CallCase): Seen {
  const { code, headers, trailers, answers } = observation;
  // A client ends these by itself, and has no more than it had by then.
  const own = ownWords(code, call);
  const status = trailers.find(([name]) => name === "grpc-status-details-bin")?.[1];
  const details = observation.details ?? (status === undefined ? [] : readDetails(Buffer.from(status, "base64")));
  const metadata =
    code === 0 ? [...grouped(headers), TRAILERS, ...grouped(trailers)] : grouped([...headers, ...trailers]);
  return {
    code,
    // grpc-js shows the "OK" of grpc-js; others leave a message that no error has.
    message: own || code === 0 ? "" : observation.message,
    details: own ? [] : details.map(([type, value]) => `${bareType(type)}: ${canonical(value)}`),
    metadata: own ? [] : metadata,
    answers,
  };
}

type Entries = readonly (readonly [name: string, value: string])[];

/** Lists of values are one however a library hands them out: RFC 9110 5.3. */
function grouped(entries: Entries): string[] {
  const byName = new Map<string, string[]>();
  for (const [name, value] of entries) {
    if (!name.startsWith("x-echo-") && !name.startsWith("x-trail-")) continue;
    const values = name.endsWith("-bin") ? value.split(",").map(canonical) : [value];
    byName.set(name, [...(byName.get(name) ?? []), ...values]);
  }
  return [...byName].map(([name, values]) => `${name}: ${values.join(", ")}`).sort();
}

/** Base64 with padding, whatever it was. */
function canonical(base64: string): string {
  return Buffer.from(base64.trim(), "base64").toString("base64");
}

function bareType(type: string): string {
  return type.slice(type.lastIndexOf("/") + 1);
}

/** The details of a google.rpc.Status: field 3, each an Any of type 1 and value 2. */
function readDetails(bytes: Uint8Array): [string, string][] {
  const details: [string, string][] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 3) {
      reader.skip(wire, field);
      continue;
    }
    const any = new BinaryReader(reader.bytes());
    const detail: [string, string] = ["", ""];
    while (any.pos < any.len) {
      const [part, wireOfPart] = any.tag();
      if (part === 1) detail[0] = any.string();
      else if (part === 2) detail[1] = Buffer.from(any.bytes()).toString("base64");
      else any.skip(wireOfPart, part);
    }
    details.push(detail);
  }
  return details;
}
