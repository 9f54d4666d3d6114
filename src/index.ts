/** `fairlead`: a gateway to embed. */
export type { BackendView, EndpointView, GatewayView, ListenerView } from "./admin/view.ts";
export {
  createGateway,
  type Gateway,
  type GatewayAddress,
  type GatewayConfig,
  type GatewayOptions,
} from "./library/create-gateway.ts";
export type { FinishedCall, GatewayEvents, GatewayListener, GatewayState } from "./library/events.ts";
export type { AcceptedSocket } from "./runtime/adopt.ts";
export type { Log, LogFields, Machine } from "./runtime/machine.ts";
