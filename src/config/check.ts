import { parseTarget } from "../discovery/target.ts";
import type { Config, Listener, Route, RouteMatch } from "../gen/fairlead/config/v1/config_pb.ts";
import { checkCors } from "./check-cors.ts";
import { rules } from "./defaults.ts";
import { backendName, defaultPort, hostPort, listenerName } from "./names.ts";
import { nearest } from "./nearest.ts";
import type { Report } from "./report.ts";

/** Checks what no field can know by itself: names that must differ, references, targets, regular expressions. */
export function checkConfig(config: Config, report: Report): void {
  checkBackends(config, report);
  checkListeners(config, report);
  checkRoutes(config, report);
}

function checkBackends(config: Config, report: Report): void {
  if (config.backends.length === 0) {
    report.add("backends", "is missing; say where the pods are, such as `- target: dns:///my-service:50051`");
  }
  const names = new Map<string, number>();
  config.backends.forEach((backend, index) => {
    const path = `backends[${index}]`;
    if (backend.target !== undefined && backend.target !== "") {
      const target = parseTarget(backend.target, defaultPort(backend));
      if ("error" in target) report.add(`${path}.target`, target.error.replace(/^target /, ""));
    }
    const { certFile, keyFile } = backend.tls ?? {};
    if (certFile !== undefined && keyFile === undefined)
      report.add(`${path}.tls.keyFile`, "is missing; name the PEM file of the certificate's private key");
    if (certFile === undefined && keyFile !== undefined)
      report.add(`${path}.tls.certFile`, "is missing; name the PEM file of the certificate");
    const name = backendName(backend);
    const first = names.get(name);
    if (first === undefined) names.set(name, index);
    else if (backend.name !== undefined)
      report.add(`${path}.name`, `"${name}" is the name of backends[${first}] too; names must differ`);
    else if (backend.target !== undefined) {
      report.add(
        path,
        `has the name "${name}", from its target, as backends[${first}] does; give one of them another \`name\``,
      );
    }
  });
}

function checkListeners(config: Config, report: Report): void {
  const names = new Map<string, number>();
  // The admin port is one that nobody else can have.
  const taken: { readonly path: string; readonly address: string; readonly port: number }[] = [];
  if (config.admin?.enabled ?? rules["Admin.enabled"].default) {
    const address = config.admin?.address ?? rules["Admin.address"].default;
    taken.push({ path: "admin", address, port: config.admin?.port ?? rules["Admin.port"].default });
  }
  const listeners: readonly Partial<Listener>[] = config.listeners.length === 0 ? [{}] : config.listeners;
  listeners.forEach((listener, index) => {
    const path = `listeners[${index}]`;
    checkCors(listener.cors, `${path}.cors`, report);
    if (report.has(`${path}.port`) || report.has(`${path}.address`)) return;
    const address = listener.address ?? rules["Listener.address"].default;
    const port = listener.port ?? rules["Listener.port"].default;
    const other = port === 0 ? undefined : taken.find((one) => one.port === port && overlap(one.address, address));
    if (other !== undefined) {
      report.add(
        `${path}.port`,
        `${hostPort(address, port)} is taken by ${other.path} (${hostPort(other.address, port)}); choose another port`,
      );
    }
    taken.push({ path, address, port });
    const name = listenerName(listener);
    const first = names.get(name);
    if (first === undefined) names.set(name, index);
    // Without names of their own they differ when their addresses do, and that has been told already.
    else if (listener.name !== undefined) {
      report.add(`${path}.name`, `"${name}" is the name of listeners[${first}] too; names must differ`);
    } else if (port === 0) {
      report.add(path, `has a port that the system chooses, as listeners[${first}] does; give one of them a \`name\``);
    }
  });
}

/** Whether the system refuses to listen on both with one port. `::` takes the IPv4 addresses too. */
function overlap(a: string, b: string): boolean {
  const all = (address: string, other: string) => address === "::" || (address === "0.0.0.0" && !other.includes(":"));
  return a === b || all(a, b) || all(b, a);
}

function checkRoutes(config: Config, report: Report): void {
  if (config.routes.length === 0 && config.backends.length > 1) {
    report.add("routes", `is missing; with ${config.backends.length} backends, say which calls go to which`);
  }
  const backends = config.backends.map(backendName);
  const names = new Map<string, number>();
  config.routes.forEach((route, index) => {
    const path = `routes[${index}]`;
    const first = route.name === undefined ? undefined : names.get(route.name);
    if (first !== undefined)
      report.add(`${path}.name`, `"${route.name}" is the name of routes[${first}] too; names must differ`);
    else if (route.name !== undefined) names.set(route.name, index);
    route.matches.forEach((match, at) => {
      checkMatch(match, `${path}.matches[${at}]`, report);
    });
    checkBackendRefs(route, path, backends, report);
    checkCors(route.cors, `${path}.cors`, report);
  });
}

function checkBackendRefs(route: Route, path: string, backends: readonly string[], report: Report): void {
  if (route.backendRefs.length === 0 && backends.length !== 1) {
    report.add(
      `${path}.backendRefs`,
      `is missing; say where the calls go, such as \`- name: ${backends[0] ?? "my-backend"}\``,
    );
  } else if (route.backendRefs.length > 0 && route.backendRefs.every((ref) => ref.weight === 0)) {
    report.add(`${path}.backendRefs`, "has no weight above 0, so that its calls could go nowhere");
  }
  const seen = new Set<string>();
  route.backendRefs.forEach(({ name }, at) => {
    if (name === undefined || name === "") return;
    const refPath = `${path}.backendRefs[${at}].name`;
    if (seen.has(name)) report.add(refPath, `"${name}" is referred to twice; add the weights up`);
    seen.add(name);
    if (backends.includes(name)) return;
    const guess = nearest(name, backends);
    const right = guess === null ? `the backends are ${backends.join(", ")}` : `did you mean ${guess}?`;
    report.add(refPath, `there is no backend "${name}"; ${right}`);
  });
}

function checkMatch(match: RouteMatch, path: string, report: Report): void {
  const { method } = match;
  if (method !== undefined) {
    if (method.service === undefined && method.method === undefined) {
      report.add(`${path}.method`, "has neither service nor method; give it one, or remove it to match every method");
    }
    for (const part of ["service", "method"] as const) {
      const value = method[part];
      if (value === undefined) continue;
      if (method.type === "RegularExpression") checkPattern(value, `${path}.method.${part}`, report);
      else if (value.includes("/")) {
        const [service, name] = value.split("/").filter((piece) => piece !== "");
        const right =
          name === undefined ? `write ${service ?? "the name"}` : `write service: ${service} and method: ${name}`;
        report.add(`${path}.method.${part}`, `"${value}" has a slash; ${right}`);
      }
    }
  }
  match.headers.forEach((header, at) => {
    const headerPath = `${path}.headers[${at}]`;
    if (header.type === "RegularExpression" && header.value !== undefined)
      checkPattern(header.value, `${headerPath}.value`, report);
  });
}

function checkPattern(pattern: string, path: string, report: Report): void {
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // V8 repeats the pattern: `Invalid regular expression: /(/u: Unterminated group`.
    const reason = message.slice(message.lastIndexOf(": ") + 2);
    report.add(path, `"${pattern}" is not a regular expression of JavaScript: ${reason.toLowerCase()}`);
  }
}
