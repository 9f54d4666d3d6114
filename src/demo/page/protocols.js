// One function for each way to call. Every one of them calls the same pods through the same port, and the pods see gRPC only.
// `url` is the service at the gateway; `show` puts on the page what comes back.
import { base64, chunks, decode, encodeText, envelope, envelopes, unbase64, utf8 } from "./wire.js";

export async function connectJson({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Echo`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: JSON.stringify({ text }),
  });
  show.message(await response.json());
}

export async function connectBinary({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Echo`, {
    method: "POST",
    headers: { "content-type": "application/proto", "connect-protocol-version": "1" },
    body: encodeText(text),
  });
  show.message(decode(new Uint8Array(await response.arrayBuffer())));
}

// Allowed for methods without side effects that the gateway's route lists. The browser asks no
// permission first, and caches may keep the answer.
export async function connectGet({ fetch, url, text, show }) {
  const query = new URLSearchParams({ connect: "v1", encoding: "json", message: JSON.stringify({ text }) });
  const response = await fetch(`${url}/Echo?${query}`);
  show.message(await response.json());
}

// Flag 0x80 marks the last envelope: the trailers, which the browser cannot read in HTTP.
export async function grpcWebBinary({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Echo`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    body: envelope(encodeText(text)),
  });
  for await (const { flags, message } of envelopes(chunks(response.body))) {
    if (flags & 0x80) show.trailers(utf8(message));
    else show.message(decode(message));
  }
}

// The same in base64, from the time when pages could not read bytes as they arrive.
export async function grpcWebText({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Echo`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web-text", accept: "application/grpc-web-text" },
    body: base64(envelope(encodeText(text))),
  });
  for await (const { flags, message } of envelopes(unbase64(chunks(response.body)))) {
    if (flags & 0x80) show.trailers(utf8(message));
    else show.message(decode(message));
  }
}

// Streams have envelopes in Connect, too. Flag 0x02 marks the last one, which says how the call ended.
export async function serverStream({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Repeat`, {
    method: "POST",
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    body: envelope(new TextEncoder().encode(JSON.stringify({ text, times: 8 }))),
  });
  for await (const { flags, message } of envelopes(chunks(response.body))) {
    if (flags & 0x02) show.trailers(utf8(message));
    else show.message(JSON.parse(utf8(message)));
  }
}

// A thousand messages are asked for, and the page leaves after three. The pod stops working at once.
export async function abortedStream({ fetch, url, text, show }) {
  const leave = new AbortController();
  const response = await fetch(`${url}/Repeat`, {
    method: "POST",
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
    body: envelope(new TextEncoder().encode(JSON.stringify({ text, times: 1000 }))),
    signal: leave.signal,
  });
  let seen = 0;
  for await (const { message } of envelopes(chunks(response.body))) {
    show.message(JSON.parse(utf8(message)));
    if (++seen === 3) break;
  }
  leave.abort();
}

// An error of the pod: its code becomes an HTTP status, its details come along.
export async function errorWithDetails({ fetch, url, text, show }) {
  const response = await fetch(`${url}/Fail`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: JSON.stringify({ text }),
  });
  const { code, message, details } = await response.json();
  // A detail is a protobuf message in base64; this one says which pod it was.
  const bytes = Uint8Array.from(atob(details[0].value), (letter) => letter.charCodeAt(0));
  show.message({ code, message, ...decode(bytes) });
}
