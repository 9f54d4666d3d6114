import { Counter, Gauge, Registry } from "prom-client";
import { codeNames } from "../protocols/code-names.ts";
import type { ProcessView } from "./process-view.ts";
import { readiness } from "./readiness.ts";
import type { BackendView, EndpointView, GatewayView } from "./view.ts";

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

/**
 * All metrics, in a registry of their own. Nothing is counted here: the gateway counts anyway, and each metric is read
 * from it when it is scraped. Endpoints that are gone are gone from the metrics too.
 */
export function createMetrics(view: GatewayView, running: ProcessView): Registry {
  const registry = new Registry();

  const gauge = (name: string, help: string, labelNames: readonly string[], read: () => Iterable<Sample>) => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        // Added up: for a moment an address can be there twice, leaving and coming.
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  };
  const counter = (name: string, help: string, labelNames: readonly string[], read: () => Iterable<Sample>) => {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        // The totals are the gateway's; the counter only shows them.
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  };
  const ofBackends = (read: (backend: BackendView) => Iterable<Sample>) => () =>
    view
      .backends()
      .flatMap((backend) =>
        [...read(backend)].map(([labels, value]): Sample => [{ backend: backend.name, ...labels }, value]),
      );
  const ofEndpoints = (read: (endpoint: EndpointView) => Iterable<Sample>) =>
    ofBackends(({ endpoints }) =>
      endpoints.flatMap((endpoint) =>
        [...read(endpoint)].map(([labels, value]): Sample => [{ endpoint: endpoint.address, ...labels }, value]),
      ),
    );
  const backend = ["backend"];
  const endpoint = ["backend", "endpoint"];

  gauge(
    "fairlead_outstanding_calls",
    "Calls sent to the endpoint that have not ended.",
    endpoint,
    ofEndpoints((one) => [[{}, one.outstanding]]),
  );
  counter(
    "fairlead_picks_total",
    "Calls sent to the endpoint since it appeared.",
    endpoint,
    ofEndpoints((one) => [[{}, one.picks]]),
  );
  gauge(
    "fairlead_endpoint_state",
    "1 for the state that the endpoint is in, 0 for the others.",
    [...endpoint, "state"],
    ofEndpoints((one) => endpointStates.map((state): Sample => [{ state }, one.state === state ? 1 : 0])),
  );
  gauge(
    "fairlead_upstream_connections",
    "Connections to the endpoint.",
    endpoint,
    ofEndpoints((one) => [[{}, one.connections]]),
  );
  counter(
    "fairlead_connect_failures_total",
    "Attempts to connect to the endpoint that failed.",
    endpoint,
    ofEndpoints((one) => [[{}, one.connectFailures]]),
  );

  counter(
    "fairlead_calls_total",
    "Calls that have ended, by gRPC status.",
    [...backend, "code"],
    ofBackends(({ calls }) => codeNames.map((code, number): Sample => [{ code }, calls[number] ?? 0])),
  );
  gauge(
    "fairlead_pending_calls",
    "Calls that wait for a ready endpoint.",
    backend,
    ofBackends((one) => [[{}, one.pending]]),
  );
  counter(
    "fairlead_retries_total",
    "Calls sent once more, as an endpoint surely had not processed them.",
    backend,
    ofBackends((one) => [[{}, one.retries]]),
  );
  counter(
    "fairlead_resolutions_total",
    "Resolutions of the target, by outcome.",
    [...backend, "outcome"],
    ofBackends(({ resolutions }) =>
      Object.entries(resolutions).map(([outcome, value]): Sample => [{ outcome }, value]),
    ),
  );

  gauge("fairlead_connections", "Client connections of the listener.", ["listener"], () =>
    view.listeners().map((listener): Sample => [{ listener: listener.name }, listener.connections]),
  );
  gauge("fairlead_ready", "1 when /readyz answers 200.", [], () => [[{}, readiness(view).ready ? 1 : 0]]);
  gauge("fairlead_build_info", "Always 1; the labels say what is running.", ["version", "runtime"], () => [
    [{ version: running.version, runtime: running.runtime }, 1],
  ]);

  // Names that dashboards know (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics).
  counter("process_cpu_seconds_total", "User and system CPU time, seconds.", [], () => [[{}, running.cpuSeconds()]]);
  gauge("process_resident_memory_bytes", "Resident memory.", [], () => [[{}, running.residentBytes()]]);
  gauge("process_heap_bytes", "JavaScript heap in use.", [], () => [[{}, running.heapBytes()]]);
  gauge("process_start_time_seconds", "Start of the process, seconds since the epoch.", [], () => [
    [{}, running.startTime],
  ]);
  return registry;
}

const endpointStates: readonly EndpointView["state"][] = ["connecting", "ready", "backoff", "draining"];
