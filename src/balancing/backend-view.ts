import type { BackendView } from "../admin/view.ts";
import type { Backend } from "./backend.ts";

/** A backend's numbers as they are now, for the admin pages. */
export function viewOf(backend: Backend): BackendView {
  return {
    name: backend.settings.name,
    target: backend.settings.target,
    endpoints: [...backend.endpoints.values()].map(
      ({ label, state, outstanding, connections, picks, connectFailures }) => ({
        address: label,
        state,
        outstanding,
        connections,
        picks,
        connectFailures,
      }),
    ),
    calls: backend.calls,
    pending: backend.pending,
    retries: backend.retries,
    resolutions: backend.resolver.outcomes,
  };
}
