import { expect } from "vitest";
import type { GatewayProcess } from "./gateway.ts";

/** Times that the gauges are read again, in turns of the event loop that a read over loopback takes. */
const READS = 200;

/**
 * Invariant 2 from outside: once no client has a call open, no endpoint has one outstanding. A cancel may still be on its way
 * when the client is done, so the gauge is read until it says 0.
 */
export async function expectQuiet(gateway: GatewayProcess): Promise<void> {
  let outstanding: Record<string, number> = {};
  for (let read = 0; read < READS; read++) {
    const samples = await gateway.metrics(/outstanding/);
    outstanding = Object.fromEntries(samples.map(({ labels, value }) => [JSON.stringify(labels), value]));
    if (samples.length > 0 && samples.every(({ value }) => value === 0)) return;
  }
  expect.fail(`calls are outstanding though no client has one open: ${JSON.stringify(outstanding)}`);
}
