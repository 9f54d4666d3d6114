import { connect as connectTls } from "node:tls";
import type { BackendSettings, Settings } from "../../src/config/settings.ts";
import { createGateway } from "../../src/create-gateway.ts";
import type { Gateway } from "../../src/gateway-api.ts";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import type { ListenTls, Machine } from "../../src/runtime/machine.ts";
import { TestClient } from "../gateway/support/client.ts";
import { Http1Client } from "../gateway/support/http1-client.ts";
import { Pod } from "../gateway/support/pod.ts";
import { gatewaySettings, routeSettings } from "../gateway/support/settings.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { createTestMachine, track, trackGateway } from "../support/harness.ts";
import { noHttp1 } from "../support/http1-answers.ts";

/** A gateway and its pod on real sockets of 127.0.0.1. */
export interface Place {
  readonly machine: Machine;
  readonly gateway: Gateway;
  readonly pod: Pod;
  readonly port: number;
}

export async function startPlace(
  more: {
    readonly settings?: Partial<Settings>;
    readonly backend?: Partial<BackendSettings>;
    readonly podTls?: ListenTls;
  } = {},
): Promise<Place> {
  const machine = createTestMachine();
  const pod = new Pod(parts(machine));
  const tls = more.podTls === undefined ? {} : { tls: more.podTls };
  const accept = { http2: pod.accept.bind(pod), http1: noHttp1 };
  const listening = track(await machine.listen({ host: "127.0.0.1", port: 0, ...tls }, accept));
  const backend = { target: `ipv4:127.0.0.1:${listening.port}`, ...more.backend };
  const routes = [routeSettings({ connectGet: ["*"] })];
  const settings = gatewaySettings({ routes, ...more.settings }, { json: "passthrough", ...backend });
  const gateway = trackGateway(createGateway(settings, machine, collectingLog()));
  await gateway.start();
  const [{ port }] = gateway.view.listeners();
  return { machine, gateway, pod, port };
}

function parts(machine: Machine) {
  return { flusher: new Flusher(machine.soon), budget: new Budget(1 << 30) };
}

/** Turns of the event loop until it is so; the test's own timeout is the limit. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate);
}

/** A connection that is closed after the test. */
export async function connectHttp2({ machine, port }: Place): Promise<TestClient> {
  const client = new TestClient(parts(machine));
  const address = { kind: "tcp", host: "127.0.0.1", port } as const;
  const stream = machine.dial(address, { timeoutMs: 5_000 }, client.connection);
  client.connection.attach(stream);
  track({ close: () => stream.destroy() });
  await until(() => client.events.length > 0);
  return client;
}

export function connectHttp1({ machine, port }: Place): Http1Client {
  const client = new Http1Client();
  const address = { kind: "tcp", host: "127.0.0.1", port } as const;
  const stream = machine.dial(address, { timeoutMs: 5_000 }, client);
  client.attach(stream);
  track({ close: () => stream.destroy() });
  return client;
}

/** Why no TLS connection comes about. @throws (rejects) when one does */
export function tlsError({ port }: Place): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    socket.once("secureConnect", () => {
      socket.destroy();
      reject(new Error("the handshake was done"));
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
