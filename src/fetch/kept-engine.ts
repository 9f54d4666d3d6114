import { createGateway } from "../create-gateway.ts";
import type { Log, Machine } from "../runtime/machine.ts";
import { createConsoleLog } from "./console-log.ts";
import { type FileConfig, settingsOf } from "./fetch-config.ts";
import type { Engine } from "./fetch-handler.ts";

/** One gateway for all requests, without listeners: its connections and counts are kept from call to call. */
export async function startKept(
  config: FileConfig,
  machine: Machine,
  _options: object,
  log: Log | undefined,
): Promise<Engine> {
  const settings = await settingsOf(config, machine);
  const said = log ?? createConsoleLog(settings.log.level, machine.clock);
  const gateway = createGateway({ ...settings, listeners: [] }, machine, said);
  try {
    await gateway.start();
  } catch (error) {
    // The next request makes another one: this one's watches of files must not go on.
    await gateway.close();
    throw error;
  }
  const cors = settings.listeners[0]?.cors ?? null;
  return {
    fetch: (request, peer) => gateway.fetch(request, { peer, cors }),
    close: () => gateway.close(),
    cors,
    view: gateway.view,
  };
}
