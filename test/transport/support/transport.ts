import { type ClientMachine, createClientMachine } from "../../../src/runtime/client-machine.ts";
import {
  type BalancingTransport,
  createTransport,
  type TransportOptions,
} from "../../../src/transport/create-transport.ts";
import { track, trackMachine } from "../../support/harness.ts";

/** A transport that is closed after the test, whose sockets must be closed then and whose calls must be over before. */
export function trackTransport(options: TransportOptions): BalancingTransport {
  const machine: ClientMachine = trackMachine(options.machine ?? createClientMachine());
  const transport = createTransport({ ...options, machine });
  track({
    close: async () => {
      const outstanding = transport.view().endpoints.reduce((sum, endpoint) => sum + endpoint.outstanding, 0);
      await transport.close();
      if (outstanding > 0) throw new Error(`${outstanding} calls were outstanding when the test ended`);
    },
  });
  return transport;
}
