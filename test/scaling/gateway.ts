import type { Workshop } from "../bench/children.ts";
import { freePorts } from "../bench/ports.ts";

export interface Gateways {
  readonly workshop: Workshop;
  readonly main: string;
}

/** A gateway process of its own for each measurement: garbage of the one before is not the next one's. */
export async function gateway({ workshop, main }: Gateways, target: string, flags: readonly string[] = []) {
  const [port, admin] = await freePorts(2);
  const argv = [process.execPath, main, "--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${admin}`];
  const child = workshop.start({ name: "fairlead", argv: [...argv, ...flags, target], core: "proxy" });
  return { child, port };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
