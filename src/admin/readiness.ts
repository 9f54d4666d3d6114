import type { BackendView, GatewayView } from "./view.ts";

/** Whether traffic should be sent to this gateway; the reason is for people. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/**
 * Ready from when the listeners are open and every backend has been resolved for the first time, until the drain begins.
 * A backend without endpoints does not make the gateway unready: taking all gateways away because the pods of one backend
 * are gone would turn its outage into everyone's, and its clients would see refused connections instead of an
 * `unavailable` that says what is missing.
 */
export function readiness(view: GatewayView): Readiness {
  const state = view.state();
  if (state !== "ready") return { ready: false, reason: state };
  const waiting = view.backends().find((backend) => !isResolved(backend));
  return waiting === undefined ? { ready: true } : { ready: false, reason: `${waiting.name}: not resolved yet` };
}

/** A failed resolution is one: DNS that is down must not keep the gateway from serving its other backends. */
function isResolved(backend: BackendView): boolean {
  return backend.endpoints.length > 0 || Object.values(backend.resolutions).some((count) => count > 0);
}
