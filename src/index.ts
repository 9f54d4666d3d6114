/** What embedders import: a gateway from settings, on the machine that this process runs on. */
export type { BackendView, EndpointView, GatewayView, ListenerView } from "./admin/view.ts";
export { loadText } from "./config/load.ts";
export type * from "./config/settings.ts";
export { createGateway } from "./create-gateway.ts";
export type { CreateGateway, Gateway } from "./gateway.ts";
export { createMachine } from "./runtime/create-machine.ts";
export type { Log, LogFields, Machine } from "./runtime/machine.ts";
