import { type ClientHttp2Session, connect } from "node:http2";
import type { Random } from "../../src/runtime/machine.ts";
import { exponential } from "../balance/simulation.ts";
import { BODY, HEADERS, PATH } from "../bench/load.ts";
import { HOLD } from "./pods.ts";

/** Connections that are being opened at a time: more would measure the memory of a rush, not of connections. */
const AT_ONCE = 8;
/** Calls that each connection makes before it stays idle. */
const CALLS = 2;

export interface Clients {
  readonly size: number;
  /** Opens so many connections more; each makes two calls. */
  open(count: number): Promise<void>;
  /** Makes so many calls more, one at a time on each connection. */
  call(count: number): Promise<void>;
  /** Each connection makes a call every `gapMs` on average, at random times, for `ms`. @returns the calls made */
  trickle(gapMs: number, ms: number, random: Random): Promise<number>;
  /** Opens so many calls that no pod answers, on each connection. */
  hold(each: number): void;
  close(): void;
}

/** Stock HTTP/2 clients of one gateway, in this process. @param origin `http:` or `https:`, whose certificate is not looked at */
export function clientsOf(origin: string): Clients {
  const sessions: ClientHttp2Session[] = [];
  const one = async (): Promise<void> => {
    const session = connect(origin, { rejectUnauthorized: false });
    session.on("error", () => {});
    sessions.push(session);
    for (let i = 0; i < CALLS; i++) await echoed(session);
  };
  return {
    get size() {
      return sessions.length;
    },
    open: async (count) => {
      let left = count;
      const next = async (): Promise<void> => {
        while (left-- > 0) await one();
      };
      await Promise.all(Array.from({ length: AT_ONCE }, next));
    },
    call: async (count) => {
      let left = count;
      const next = async (session: ClientHttp2Session): Promise<void> => {
        while (left-- > 0) await echoed(session);
      };
      await Promise.all(sessions.map(next));
    },
    trickle: async (gapMs, ms, random) => {
      const stop = performance.now() + ms;
      let calls = 0;
      const next = async (session: ClientHttp2Session): Promise<void> => {
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, exponential(gapMs, random)));
          if (performance.now() > stop) return;
          calls++;
          await echoed(session);
        }
      };
      await Promise.all(sessions.map(next));
      return calls;
    },
    hold: (each) => {
      for (const session of sessions) {
        for (let i = 0; i < each; i++) request(session, HOLD).on("error", () => {});
      }
    },
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

function request(session: ClientHttp2Session, path: string) {
  const stream = session.request({ ":method": "POST", ":path": path, ...Object.fromEntries(HEADERS.filter(lasting)) });
  stream.end(BODY);
  return stream;
}

/** Held calls must not end by their deadline. */
function lasting([name]: readonly [string, string]): boolean {
  return name !== "grpc-timeout";
}

function echoed(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = request(session, PATH);
    let status: unknown;
    stream.on("trailers", (trailers) => {
      status = trailers["grpc-status"];
    });
    stream.on("error", reject);
    stream.on("end", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${String(status)}`))));
    stream.resume();
  });
}
