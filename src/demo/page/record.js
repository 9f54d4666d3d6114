// A fetch that writes down what goes over the wire, for the page to show.

/** @param changed called whenever the record has grown */
export function recordingFetch(record, changed) {
  return async (url, options = {}) => {
    const { pathname, search } = new URL(url);
    record.request = {
      line: `${options.method ?? "GET"} ${pathname}${search}`,
      headers: Object.entries(options.headers ?? {}),
      body: asBytes(options.body),
    };
    changed();
    const response = await fetch(url, options);
    record.response = {
      line: `${response.status} ${response.statusText}`,
      headers: [...response.headers],
      // Each with the milliseconds since the press of the button.
      chunks: [],
    };
    changed();
    if (response.body === null) return response;
    const watched = response.body.pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          record.response.chunks.push({ at: performance.now() - record.began, bytes: chunk });
          changed();
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(watched, { status: response.status, headers: response.headers });
  };
}

function asBytes(body) {
  if (body === undefined) return new Uint8Array();
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

/**
 * Cuts a body into what its bytes are. Bytes of a body that has no envelopes are all message.
 * @returns pieces of `{ kind: "prefix" | "message" | "trailers", bytes }`
 */
export function pieces(bytes, contentType) {
  const enveloped = /^application\/(?:connect\+|grpc-web)/.test(contentType) && !contentType.includes("-text");
  if (!enveloped) return [{ kind: "message", bytes }];
  const found = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const end = Math.min(bytes.length, at + 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 1));
    found.push({ kind: "prefix", bytes: bytes.subarray(at, at + 5) });
    found.push({ kind: bytes[at] & 0x82 ? "trailers" : "message", bytes: bytes.subarray(at + 5, end) });
    at = end;
  }
  if (at < bytes.length) found.push({ kind: "prefix", bytes: bytes.subarray(at) });
  return found;
}

/** `0a 05 68 …`: two digits a byte. */
export function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** What is readable of it, for people. */
export function ascii(bytes) {
  return [...bytes].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
}
