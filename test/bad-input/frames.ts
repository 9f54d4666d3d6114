import { Flag } from "../../src/http2/frame.ts";
import type { TestClient } from "../gateway/support/client.ts";
import { makeHead } from "../gateway/support/fields.ts";
import { Party } from "../gateway/support/party.ts";
import type { Caller, Sent } from "./callers.ts";

/** Something that a client does wrong with HTTP/2's own frames, in a request that is good otherwise. */
export interface BadFrames {
  readonly what: string;
  write(on: Wire, good: Good): void;
  /** The request is good all the same, and RFC 9113 lets it pass. */
  readonly taken?: true;
  /** The request was whole before the mistake, so the pod may have it. */
  readonly whole?: true;
}

interface Wire {
  head(fields: readonly string[], end: boolean): void;
  data(bytes: Uint8Array, end: boolean): void;
}

interface Good {
  readonly head: readonly string[];
  readonly body: Uint8Array;
}

const metadata = ["x-checksum", "1"];

/** The head with another field at its end. */
function withField(what: string, ...more: string[]): BadFrames {
  return {
    what,
    write: (on, { head, body }) => {
      on.head([...head, ...more], false);
      on.data(body, true);
    },
  };
}

function withoutField(what: string, name: string): BadFrames {
  return {
    what,
    write: (on, { head, body }) => {
      const at = head.indexOf(name);
      on.head([...head.slice(0, at), ...head.slice(at + 2)], false);
      on.data(body, true);
    },
  };
}

/** RFC 9113 8.1: head, data, and at most one field section after them, which ends the stream. */
export const badFrames: readonly BadFrames[] = [
  {
    what: "Trailers after the data",
    taken: true,
    write: (on, { head, body }) => {
      on.head(head, false);
      on.data(body, false);
      on.head(metadata, true);
    },
  },
  {
    what: "Trailers before the data",
    whole: true,
    write: (on, { head, body }) => {
      on.head(head, false);
      on.head(metadata, true);
      on.data(body, true);
    },
  },
  {
    what: "Second HEADERS without END_STREAM, before the data",
    write: (on, { head, body }) => {
      on.head(head, false);
      on.head(metadata, false);
      on.data(body, true);
    },
  },
  {
    what: "Second HEADERS without END_STREAM, after the data",
    write: (on, { head, body }) => {
      on.head(head, false);
      on.data(body, false);
      on.head(metadata, false);
    },
  },
  {
    what: "A second request head as trailers",
    write: (on, { head, body }) => {
      on.head(head, false);
      on.data(body, false);
      on.head(head, true);
    },
  },
  withField("Two `:path`s", ":path", "/test.Admin/Delete"),
  withField("A pseudo-field after others", ":authority", "admin.test"),
  withField("Name in capital letters", "X-Name", "1"),
  withField("Name with a blank", "x name", "1"),
  withField("Value with a line feed", "x-name", "1\nx-admin: 1"),
  withField("Value with NUL", "x-name", "a\0b"),
  withField("`connection: x-name`", "connection", "x-name"),
  withField("`transfer-encoding: chunked`", "transfer-encoding", "chunked"),
  withField("Two `content-length`s that differ", "content-length", "1", "content-length", "2"),
  withField("`content-length: +1`", "content-length", "+1"),
  withoutField("No `:path`", ":path"),
  withoutField("No `:method`", ":method"),
];

/** Sends the frames over the client's one connection, whatever the client's own engine thinks of them. */
export function sendFrames(client: TestClient, item: BadFrames, caller: Caller): Party {
  const sent: Sent = caller.send();
  const party = new Party();
  party.attach(client.connection.open(party));
  const { outbound } = client.connection;
  const { id } = party.stream;
  const te = caller.name === "gRPC" ? ["te", "trailers"] : [];
  const pseudo = [":method", sent.method, ":scheme", "http", ":path", sent.path, ":authority", "echo.test"];
  item.write(
    {
      head: (fields, end) => void outbound.writeHead(id, makeHead(fields), end ? Flag.END_STREAM : 0),
      data: (bytes, end) => outbound.output.data(id, bytes, 0, bytes.length, end ? Flag.END_STREAM : 0),
    },
    { head: [...pseudo, ...sent.headers, ...te], body: sent.body },
  );
  outbound.wake();
  return party;
}
