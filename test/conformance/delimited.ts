/** The suite's framing on standard input and output: a message's length as four bytes, big-endian, then the message. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(4 + message.length);
  new DataView(framed.buffer).setUint32(0, message.length);
  framed.set(message, 4);
  return framed;
}

/** Cuts a stream of bytes into messages. @throws (rejects) when the stream ends inside one */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const end = 4 + new DataView(held.buffer, held.byteOffset).getUint32(0);
      if (held.length < end) break;
      yield held.subarray(4, end);
      held = held.subarray(end);
    }
  }
  if (held.length > 0) throw new Error(`the stream ended with ${held.length} bytes of an unfinished message`);
}
