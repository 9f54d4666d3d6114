import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";
import { talk } from "./support/program.ts";
import { type ClientObservation, TRAILERS } from "./support/seen.ts";
import { describeClients } from "./support/suite.ts";
import { missingTool, PROGRAMS } from "./tools.ts";

/** tonic: test/clients/rust. */
describeClients([
  {
    order: 40,
    name: "tonic, HTTP/2",
    missing: missingTool("rust"),
    versions: async () => {
      const lock = readFileSync(join(ROOT, "test/clients/rust/Cargo.lock"), "utf8");
      return `tonic ${/name = "tonic"\nversion = "([^"]+)"/.exec(lock)?.[1]}`;
    },
    observe: async (address, calls) => (await talk(PROGRAMS.rust, [address], calls)) as ClientObservation[],
    sees: (seen, { kind }) => {
      // Of a single answer tonic puts headers and trailers into one map.
      if (seen.code !== 0 || (kind !== "Unary" && kind !== "ClientStream")) return seen;
      return { ...seen, metadata: [...seen.metadata.filter((line) => line !== TRAILERS).sort(), TRAILERS] };
    },
  },
]);
