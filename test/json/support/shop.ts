import { onTestFailed } from "vitest";
import type { BackendSettings, RouteSettings, Settings } from "../../../src/config/settings.ts";
import type { Http2Limits } from "../../../src/http2/limits.ts";
import { routeSettings } from "../../gateway/support/settings.ts";
import { startWorld, type World, type WorldOptions } from "../../gateway/support/world.ts";
import { buildSet, filesOf } from "./protos.ts";
import { type SchemaPod, type SchemaPodOptions, withSchema } from "./schema-pod.ts";

/** The shop's protos in both of their versions. */
export const SETS = { v1: buildSet("v1"), v2: buildSet("v2") } as const;
export type Version = keyof typeof SETS;

export interface ShopOptions {
  /** A pod of each version, in order: pods[0] is at 10.0.0.1. */
  readonly versions?: readonly Version[];
  readonly backend?: Partial<BackendSettings>;
  readonly route?: Partial<RouteSettings>;
  readonly settings?: Partial<Settings>;
  readonly pod?: Partial<SchemaPodOptions>;
  readonly files?: WorldOptions["files"];
  /** Of the pods' connections. */
  readonly limits?: Partial<Http2Limits>;
}

/** The address of the pod of this index. */
export const addressOf = (index: number): string => `10.0.0.${index + 1}:9000`;

/** A gateway before pods that take protobuf only. */
export async function startShop(
  options: ShopOptions = {},
): Promise<{ readonly world: World; readonly pods: SchemaPod[] }> {
  const { versions = ["v1"], backend = {}, route = {}, settings = {}, pod = {}, files, limits = {} } = options;
  const pods: SchemaPod[] = [];
  const target = `ipv4:${versions.map((_, i) => addressOf(i)).join(",")}`;
  const world = await startWorld(
    {
      backend: { target, policy: "round_robin", ...backend },
      settings: { routes: [routeSettings(route)], ...settings },
      ...(files === undefined ? {} : { files }),
    },
    (made) => {
      versions.forEach((version, i) => {
        pods.push(withSchema(made.pod(addressOf(i), limits), version, { files: filesOf(SETS[version]), ...pod }));
      });
    },
  );
  onTestFailed(() => console.log(world.log.lines ?? ""));
  return { world, pods };
}
