import * as grpc from "@grpc/grpc-js";
import { pathOf } from "../../e2e/support/echo.ts";

/** Calls without a pause, so many at a time. */
export interface Load {
  /** Calls that have ended well. */
  done(): number;
  /** The others, by what they said. */
  readonly failures: ReadonlyMap<string, number>;
  failed(): number;
  /** Resolves when so many more calls have ended, well or not. */
  more(calls: number): Promise<void>;
  /** Lets the calls that are under way end, and closes the client. */
  stop(): Promise<void>;
}

const bytes = (message: Buffer): Buffer => message;

/**
 * Unary calls over the single connection of one grpc-js channel per address. The client does not retry, not even what was refused
 * unprocessed, so that it cannot hide a gateway's failures; see STOCK.
 */
export function startLoad(target: string, atOnce: number, options: grpc.ChannelOptions = {}): Load {
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    ...options,
  });
  const call = (): Promise<string | null> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(pathOf("Unary"), bytes, bytes, Buffer.alloc(0), (error) =>
        resolve(error === null ? null : `${error.code}: ${error.details}`),
      );
    });
  return repeat(call, atOnce, () => client.close());
}

/** @param call resolves with what a failed call says, with null for one that has ended well */
export function repeat(call: () => Promise<string | null>, atOnce: number, close: () => void): Load {
  const failures = new Map<string, number>();
  let failed = 0;
  const waiting = new Set<() => void>();
  let done = 0;
  let stopping = false;

  const loop = async (): Promise<void> => {
    while (!stopping) {
      const said = await call();
      if (said === null) done++;
      else {
        failures.set(said, (failures.get(said) ?? 0) + 1);
        failed++;
      }
      for (const look of [...waiting]) look();
      // A client whose every call fails at once must not starve the test.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const loops = Promise.all(Array.from({ length: atOnce }, loop));

  return {
    done: () => done,
    failures,
    failed: () => failed,
    more: (calls) => {
      const until = done + failed + calls;
      return new Promise((resolve) => {
        const look = (): void => {
          if (done + failed < until) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    stop: async () => {
      stopping = true;
      await loops;
      close();
    },
  };
}

/**
 * As the client is by default: it sends again what surely was not processed. Needed where its own connection goes away: on
 * GOAWAY Node refuses by itself the calls that it has queued but not sent.
 */
export const STOCK: grpc.ChannelOptions = { "grpc.enable_retries": 1 };

/** All addresses in turn, a connection each. */
export const ROUND_ROBIN: grpc.ChannelOptions = {
  ...STOCK,
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};
