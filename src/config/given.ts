import type { FilePlaces } from "./document.ts";
import { type Flag, flags } from "./flags.ts";

/** A value for a field, from a flag or from TARGET. */
export interface Given {
  /** With `[]` for every item of a list. */
  readonly path: string;
  readonly value: string | boolean | object;
  /** Who says so, for messages: `--listen`, `TARGET`. */
  readonly flag: string;
}

/** The fields that a flag sets; or what is wrong with its value. Most values are checked later, where the file's are. */
export function givenBy(
  flag: Flag,
  value: string | true,
): { readonly fields: readonly Given[] } | { readonly error: string } {
  const { path, name } = flag;
  const as = `--${name}`;
  if (path === null) return { fields: [] };
  // `--backend-tls` says no more than that there is TLS.
  if (name === "backend-tls") return { fields: [{ path, value: {}, flag: as }] };
  if (flag.value !== "HOST:PORT" || value === true) return { fields: [{ path, value, flag: as }] };
  if (name === "admin" && value === "off") return { fields: [{ path: "admin.enabled", value: false, flag: as }] };
  const split = splitHostPort(value);
  if ("error" in split) return split;
  const fields = [{ path, value: split.port, flag: as }];
  if (split.host !== "") fields.push({ path: path.replace(/port$/, "address"), value: split.host, flag: as });
  return { fields };
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, and `:8080` for the default address. */
function splitHostPort(text: string): { readonly host: string; readonly port: string } | { readonly error: string } {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]*)):([0-9]+)$/.exec(text);
  if (parts !== null) return { host: parts[1] ?? parts[2], port: parts[3] };
  let right = "[::1]:8080";
  if (/^[0-9]+$/.test(text)) right = `:${text}`;
  else if (/^[^:]+:?$/.test(text)) right = `${text.replace(":", "")}:8080`;
  return { error: `${JSON.stringify(text)} is not HOST:PORT; write it like ${right}` };
}

interface Branch {
  [field: string]: Branch | Branch[] | string[] | string | boolean | object;
}

/** The values as a file would have them. */
export function treeOf(given: readonly Given[]): object {
  const listens = given.filter(({ path }) => path === "listeners[].port").length;
  const listeners: Branch[] = Array.from({ length: Math.max(listens, 1) }, () => ({}));
  const backends: Branch[] = [{}];
  const tree: Branch = { listeners, backends };
  // Without a route of its own, the backend takes every call.
  const routes: Branch[] = [{ name: "default" }];
  if (given.some(({ path }) => path.startsWith("routes[]"))) tree.routes = routes;
  let listener = -1;
  for (const { path, value } of given) {
    const [first, ...steps] = path.split(".");
    if (path === "listeners[].port") listener++;
    if (path === "listeners[].port" || path === "listeners[].address") put([listeners[listener]], steps, value);
    // What else listeners have is for all of them.
    else if (first === "listeners[]") put(listeners, steps, value);
    else if (first === "backends[]") put(backends, steps, value);
    else if (first === "routes[]") put(routes, steps, value);
    else put([tree], [first, ...steps], value);
  }
  return tree;
}

function put(branches: readonly Branch[], steps: readonly string[], value: Given["value"]): void {
  const last = steps[steps.length - 1];
  const list = last.endsWith("[]") ? last.slice(0, -2) : null;
  for (let branch of branches) {
    for (const step of steps.slice(0, -1)) {
      branch[step] ??= {};
      branch = branch[step] as Branch;
    }
    if (list !== null) branch[list] = [...((branch[list] as string[] | undefined) ?? []), String(value)];
    else if (typeof value !== "object") branch[last] = value;
    else branch[last] ??= { ...value };
  }
}

/** Fields are told by the flag that sets them. */
export function flagPlaces(): FilePlaces {
  const order = new Map(flags.map((flag, index) => [flag.path, index]));
  return {
    note() {},
    find(path) {
      const template = path.replace(/\[[0-9]+\]/g, "[]").replace(/\.address$/, ".port");
      const index = order.get(template);
      if (index !== undefined) return { where: `--${flags[index].name}`, order: index };
      return { where: template.startsWith("listeners") ? "--listen" : "TARGET", order: flags.length };
    },
  };
}
