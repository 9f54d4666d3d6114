import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { JoinRequestSchema, JoinResponseSchema } from "../gen/fairlead/browser/v1/browser_pb.ts";

/** A streaming upload that the test steps through. */
interface Upload {
  send(text: string): void;
  finish(): void;
  /** The texts of the answers; rejects when the browser or the gateway will not. */
  readonly answers: Promise<readonly string[]>;
}

const uploads = new Map<string, Upload>();

/**
 * Connect's client and bidi streams by fetch with a stream as its body: HTTP/2 only, and Chromium only. No library does this
 * in a page; the wire format is that of every Connect stream.
 */
export const upload = {
  start(name: string, url: string, report = true): void {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (given) => {
        controller = given;
      },
    });
    const tell = (what: string) => void (report && window.report({ call: name, what }));
    const read = async () => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/connect+proto", "connect-protocol-version": "1" },
        body,
        duplex: "half",
      } as RequestInit & { duplex: "half" });
      tell("response");
      return readAnswers(new Uint8Array(await response.arrayBuffer()));
    };
    const answers = read();
    answers.catch(() => {});
    uploads.set(name, {
      answers,
      send: (text) =>
        controller?.enqueue(encodeEnvelope(0, toBinary(JoinRequestSchema, create(JoinRequestSchema, { text })))),
      finish: () => {
        tell("finished");
        controller?.close();
      },
    });
  },
  send: (name: string, text: string): void => uploads.get(name)?.send(text),
  finish: (name: string): void => uploads.get(name)?.finish(),
  answers: (name: string): Promise<readonly string[] | { readonly failed: string }> =>
    (uploads.get(name) as Upload).answers.catch((error: unknown) => ({ failed: String(error) })),
};

/** Envelopes: flags, four bytes of length, message. The last has flag 2 and says how the call ended, as JSON. */
function readAnswers(bytes: Uint8Array): string[] {
  const answers: string[] = [];
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; ) {
    const flags = bytes[at];
    const end = at + 5 + view.getUint32(at + 1);
    const message = bytes.subarray(at + 5, end);
    answers.push(
      flags === 2 ? `end ${new TextDecoder().decode(message)}` : fromBinary(JoinResponseSchema, message).text,
    );
    at = end;
  }
  return answers;
}
