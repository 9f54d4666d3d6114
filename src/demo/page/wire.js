// What the protocols have in common, written out. Apps use a library for this; here it is small enough to be read.

/** gRPC's envelope around a message: one byte of flags, four bytes of length, and the message. */
export function envelope(message, flags = 0) {
  const bytes = new Uint8Array(5 + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** Takes envelopes out of a stream of bytes that is cut anywhere. Each comes out as soon as it is whole. */
export async function* envelopes(chunks) {
  let rest = new Uint8Array();
  for await (const chunk of chunks) {
    const bytes = new Uint8Array([...rest, ...chunk]);
    let at = 0;
    while (bytes.length - at >= 5) {
      const end = at + 5 + new DataView(bytes.buffer).getUint32(at + 1);
      if (end > bytes.length) break;
      yield { flags: bytes[at], message: bytes.subarray(at + 5, end) };
      at = end;
    }
    rest = bytes.slice(at);
  }
}

/** A response's body, chunk by chunk as it arrives. */
export async function* chunks(body) {
  const reader = body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

/** Bytes of a base64 text that is cut anywhere, and that was encoded in pieces: padding may stand in the middle. */
export async function* unbase64(chunks) {
  let rest = "";
  for await (const chunk of chunks) {
    rest += utf8(chunk);
    const whole = rest.length - (rest.length % 4);
    for (const piece of rest.slice(0, whole).match(/[^=]+=*/g) ?? []) yield fromBase64(piece);
    rest = rest.slice(whole);
  }
}

export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
export const utf8 = (bytes) => new TextDecoder().decode(bytes);

// Protobuf: a field is its number and wire type in one varint, and then its value. The messages of the demo's Echo service have
// texts (wire type 2: a length, and so many bytes) and numbers (wire type 0: a varint).

/** `EchoRequest { string text = 1; }` */
export function encodeText(text) {
  const bytes = new TextEncoder().encode(text);
  return Uint8Array.of((1 << 3) | 2, ...varint(bytes.length), ...bytes);
}

/** `EchoResponse { string text = 1; string pod = 2; }`, and number 3 where there is one. */
export function decode(bytes) {
  const message = {};
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [value, afterValue] = readVarint(bytes, afterTag);
    const name = { 1: "text", 2: "pod", 3: "number" }[tag >> 3];
    const isText = (tag & 7) === 2;
    at = afterValue + (isText ? value : 0);
    message[name] = isText ? utf8(bytes.subarray(afterValue, at)) : value;
  }
  return message;
}

function varint(number) {
  const bytes = [];
  for (; number > 127; number >>= 7) bytes.push((number & 127) | 128);
  return [...bytes, number];
}

function readVarint(bytes, at) {
  let number = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    number |= (byte & 127) << shift;
    if (byte < 128) return [number, at];
  }
}
