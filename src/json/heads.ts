import type { Head } from "../http2/receiver.ts";
import { keepNeverIndexed } from "../protocols/metadata.ts";
import { field, statusOf } from "../protocols/status.ts";

/** Fields that speak of the messages as they were before they were translated. */
const dropped = new Set(["content-type", "content-length", "grpc-encoding", "grpc-accept-encoding"]);

/** Heads as they are on the other side of the translation. Remembered: peers repeat theirs, as the very same objects. */
export class Heads {
  readonly #requests = new WeakMap<Head, Head>();
  readonly #responses = new WeakMap<Head, Head>();

  /** What the pod gets. It is asked not to compress: the answer has to be read here. */
  request(head: Head): Head {
    return remembered(this.#requests, head, "application/grpc+proto", "identity");
  }

  /** What the client's side gets: which compression of requests is understood, in the place of what the pod says. */
  response(head: Head): Head {
    return remembered(this.#responses, head, "application/grpc+json", "gzip");
  }
}

function remembered(known: WeakMap<Head, Head>, head: Head, contentType: string, accepts: string): Head {
  let translated = known.get(head);
  if (translated === undefined) {
    translated = translate(head, contentType, accepts);
    known.set(head, translated);
  }
  return translated;
}

function translate(head: Head, contentType: string, accepts: string): Head {
  const fields: string[] = [];
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i];
    if (name === "content-type") fields.push(name, contentType, "grpc-accept-encoding", accepts);
    else if (!dropped.has(name)) fields.push(name, head.fields[i + 1]);
  }
  return { fields, neverIndexed: keepNeverIndexed(head, fields), memo: undefined };
}

/** True for the head of an answer whose body is protobuf messages. */
export function isProtobufAnswer(head: Head): boolean {
  const { fields } = head;
  if (fields[1] !== "200") return false;
  return /^application\/grpc(?:\+proto)?\s*(?:;|$)/i.test(field(fields, "content-type") ?? "");
}

/** True when the body that may follow is none of a call's: the call has ended in the head. */
export function isTrailersOnly(head: Head): boolean {
  return statusOf(head.fields) !== null;
}
