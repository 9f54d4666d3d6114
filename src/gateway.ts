import type { GatewayView } from "./admin/view.ts";
import type { Settings } from "./config/settings.ts";
import type { Log, Machine } from "./runtime/machine.ts";

/** A running gateway, without its command line and admin port. */
export interface Gateway {
  /** Loads certificates, starts resolvers and opens the listeners. @throws (rejects) with a one-line message when it cannot. */
  start(): Promise<void>;
  /**
   * Fails readiness, waits `drainDelay`, sends the double GOAWAY and waits for calls to finish, at most `drainTimeout`.
   * @returns true when every call finished by itself
   */
  drain(): Promise<boolean>;
  /** Ends everything at once; resolves when no socket of ours is open. */
  close(): Promise<void>;
  readonly view: GatewayView;
}

export type CreateGateway = (settings: Settings, machine: Machine, log: Log) => Gateway;
