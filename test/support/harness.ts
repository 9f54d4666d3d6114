import { afterEach } from "vitest";
import type { Gateway } from "../../src/gateway-api.ts";
import { createMachine } from "../../src/runtime/create-machine.ts";
import type { Machine } from "../../src/runtime/machine.ts";

/** Real time that closing may take, milliseconds: sockets need a few turns of the event loop to say that they are closed. */
const PATIENCE_MS = 2000;
const POLL_MS = 5;

export interface Closeable {
  close(): unknown;
}

/** What one test has opened, and the check that nothing of it is left. */
export interface Harness {
  /** Closed after the test, the last one tracked first. Gives its argument back. */
  track<T extends Closeable>(closeable: T): T;
  /** After the test every endpoint's outstanding count must be 0 (invariant 2), and then it is closed. */
  trackGateway<T extends Pick<Gateway, "view" | "close">>(gateway: T): T;
  /** A real machine whose sockets must all be closed after the test. */
  createTestMachine(): Machine;
  /** Counts the open sockets of a machine that was made elsewhere. */
  trackMachine<T extends Pick<Machine, "openSockets">>(machine: T): T;
  /** Does what is done after every test. @throws (rejects) naming everything that is left; forgets it all either way. */
  check(): Promise<void>;
}

export function createHarness(patience: number = PATIENCE_MS): Harness {
  let closeables: Closeable[] = [];
  let gateways: Pick<Gateway, "view">[] = [];
  let machines: Pick<Machine, "openSockets">[] = [];

  const track = <T extends Closeable>(closeable: T): T => {
    closeables.push(closeable);
    return closeable;
  };
  const trackMachine = <T extends Pick<Machine, "openSockets">>(machine: T): T => {
    machines.push(machine);
    return machine;
  };

  return {
    track,
    trackMachine,
    trackGateway: (gateway) => {
      gateways.push(gateway);
      return track(gateway);
    },
    createTestMachine: () => trackMachine(createMachine()),
    check: async () => {
      const toClose = closeables.reverse();
      const toCount = gateways;
      const toEmpty = machines;
      closeables = [];
      gateways = [];
      machines = [];
      const left: string[] = [];
      left.push(...(await settle(() => toCount.flatMap(outstandingCalls), patience)));
      for (const closeable of toClose) {
        try {
          await closeable.close();
        } catch (error) {
          left.push(`closing failed: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      left.push(...(await settle(() => toEmpty.flatMap(openSockets), patience)));
      if (left.length > 0) throw new Error(`left over after the test: ${left.join("; ")}`);
    },
  };
}

function outstandingCalls(gateway: Pick<Gateway, "view">): string[] {
  return gateway.view
    .backends()
    .flatMap((backend) =>
      backend.endpoints
        .filter((endpoint) => endpoint.outstanding !== 0)
        .map(
          (endpoint) => `${endpoint.outstanding} outstanding calls at ${endpoint.address} (backend ${backend.name})`,
        ),
    );
}

function openSockets(machine: Pick<Machine, "openSockets">): string[] {
  const open = machine.openSockets();
  return open === 0 ? [] : [`${open} open sockets`];
}

/** Polls until nothing is left, or gives what is left when the patience is at its end. */
async function settle(left: () => string[], patience: number): Promise<string[]> {
  const end = performance.now() + patience;
  for (;;) {
    const now = left();
    if (now.length === 0 || performance.now() >= end) return now;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The harness of the running test file. */
const harness = createHarness();
export const track = harness.track;
export const trackGateway = harness.trackGateway;
export const trackMachine = harness.trackMachine;
export const createTestMachine = harness.createTestMachine;

// Registered by setup.ts before the file's own hooks; vitest runs afterEach hooks last registered first, so this one is last.
afterEach(() => harness.check());
