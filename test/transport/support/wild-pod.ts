import { type AddressInfo, createServer, type Socket } from "node:net";
import { Flag, FrameType } from "../../../src/http2/frame.ts";
import { frame, preface, settings, settingsAck } from "../../http2/support/frames.ts";
import { cutFrames } from "../../http2/support/read-frames.ts";
import { track } from "../../support/harness.ts";
import { concat } from "../../support/memory-stream.ts";

/** One connection to a pod that does with every call what the test says, right or wrong. */
export interface WildConnection {
  send(...frames: readonly Uint8Array[]): void;
  /** FIN. */
  end(): void;
  destroy(): void;
}

export interface WildBehaviour {
  /** The preface has come, and SETTINGS were sent. */
  readonly opened?: (connection: WildConnection) => void;
  /** A request's HEADERS have come. @param id of the stream, in HTTP/2 */
  readonly called?: (connection: WildConnection, id: number) => void;
}

/** What an answer begins with. */
export const okHead = [":status", "200", "content-type", "application/grpc+proto"] as const;
/** What one ends with. */
export const okTrailers = ["grpc-status", "0"] as const;

/** An uncompressed message in its envelope. */
export function envelope(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** Closed after the test. */
export async function startWildPod(behaviour: WildBehaviour): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    const connection: WildConnection = {
      send: (...frames) => void (socket.writable && socket.write(concat(frames))),
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
    };
    let held: Uint8Array = new Uint8Array(0);
    let greeted = false;
    socket.on("data", (bytes: Uint8Array) => {
      held = concat([held, bytes]);
      if (!greeted) {
        if (held.length < preface.length) return;
        held = held.slice(preface.length);
        greeted = true;
        connection.send(settings());
        behaviour.opened?.(connection);
      }
      for (;;) {
        const length = held.length < 9 ? Number.POSITIVE_INFINITY : 9 + (held[0] << 16) + (held[1] << 8) + held[2];
        if (held.length < length) return;
        const [{ type, flags, id, payload }] = cutFrames(held.slice(0, length));
        held = held.slice(length);
        if (type === FrameType.SETTINGS && (flags & Flag.ACK) === 0) connection.send(settingsAck);
        if (type === FrameType.PING && (flags & Flag.ACK) === 0) connection.send(frame(type, Flag.ACK, 0, payload));
        if (type === FrameType.HEADERS) behaviour.called?.(connection, id);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: (server.address() as AddressInfo).port };
}
