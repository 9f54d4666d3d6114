import type { MessageInitShape } from "@bufbuild/protobuf";
import { loadText } from "../config/load.ts";
import { formatProblem } from "../config/report.ts";
import type { Settings } from "../config/settings.ts";
import type { ConfigSchema } from "../gen/fairlead/config/v1/config_pb.ts";
import type { Machine } from "../runtime/machine.ts";

/**
 * The configuration file's content: its text, YAML or JSON, or the same as an object. Listeners, the admin port and the drain
 * are the platform's business; of a listener only `cors` is read, the first one's.
 */
export type FileConfig = string | MessageInitShape<typeof ConfigSchema>;

/** @throws (rejects) with everything that is wrong, a line each */
export async function settingsOf(
  config: FileConfig,
  machine: Pick<Machine, "readText" | "readBytes">,
): Promise<Settings> {
  // JSON is YAML, so that an object is checked as a file is.
  const text = typeof config === "string" ? config : JSON.stringify(config ?? null);
  const loaded = await loadText("config", text, [], machine);
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  return loaded.settings;
}
