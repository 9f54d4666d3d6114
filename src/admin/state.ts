import { create } from "@bufbuild/protobuf";
import { type GetStateResponse, GetStateResponseSchema } from "../gen/fairlead/admin/v1/admin_pb.ts";
import { codeNames } from "../protocols/code-names.ts";
import { readiness } from "./readiness.ts";
import type { GatewayView } from "./view.ts";

/** The state of everything as a message, for the admin service. */
export function stateMessage(view: GatewayView, version: string): GetStateResponse {
  const now = readiness(view);
  return create(GetStateResponseSchema, {
    state: view.state(),
    ready: now.ready,
    reason: now.ready ? "" : now.reason,
    version,
    listeners: view.listeners().map((listener) => ({ ...listener })),
    backends: view.backends().map(({ endpoints, calls, resolutions, ...backend }) => ({
      ...backend,
      endpoints: endpoints.map((endpoint) => ({ ...endpoint })),
      calls: occurred(codeNames.map((name, code) => [name, calls[code] ?? 0])),
      resolutions: occurred(Object.entries(resolutions)),
    })),
  });
}

function occurred(counts: readonly (readonly [string, number])[]): Record<string, number> {
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
