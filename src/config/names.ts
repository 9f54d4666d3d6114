import { parseTarget } from "../discovery/target.ts";
import type { Backend, Listener } from "../gen/fairlead/config/v1/config_pb.ts";
import { rules } from "./defaults.ts";

/** Names that are made from something else when none is given. */

export function listenerName(listener: Partial<Listener>): string {
  if (listener.name !== undefined) return listener.name;
  return hostPort(
    listener.address ?? rules["Listener.address"].default,
    listener.port ?? rules["Listener.port"].default,
  );
}

/**
 * The first label of the target's host, because that is what people call the Service: `dns:///echo.prod:50051` is `echo`, and
 * so is the SRV name `_grpc._tcp.echo.prod`. A target without a host name is `default`.
 */
export function backendName(backend: Partial<Backend>): string {
  if (backend.name !== undefined) return backend.name;
  const target = parseTarget(backend.target ?? "", defaultPort(backend));
  if ("error" in target || target.value.kind === "static") return "default";
  const host = target.value.kind === "dns" ? target.value.host : target.value.name;
  return host.split(".").find((label) => !label.startsWith("_")) ?? "default";
}

/** As a URL writes them: IPv6 addresses in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a target without a port means: the port of HTTPS or HTTP. */
export function defaultPort(backend: Partial<Backend>): number {
  return backend.tls === undefined ? 80 : 443;
}
