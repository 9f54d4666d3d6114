import { basename, join } from "node:path";
import { talk } from "./support/program.ts";
import type { ClientObservation } from "./support/seen.ts";
import { describeClients } from "./support/suite.ts";
import { BUILT, missingTool } from "./tools.ts";

/** grpc-java on its okhttp transport, as Android apps have it: test/clients/java. */

// The fewest threads and the quickest compiler: it runs for seconds.
const FLAGS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];
const java = [...FLAGS, "-cp", `${join(BUILT, "java/classes")}:${join(BUILT, "java/lib/*")}`, "Main"];

describeClients([
  {
    order: 30,
    name: "grpc-java okhttp, HTTP/2",
    missing: missingTool("java"),
    versions: async () => {
      const versions = (await talk("java", [...java, "version"])) as {
        readonly java: string;
        readonly library: string;
      };
      return `${basename(versions.library, ".jar").replace("grpc-api-", "io.grpc:grpc-okhttp ")}, Java ${versions.java}`;
    },
    observe: async (address, calls) => (await talk("java", [...java, address], calls)) as ClientObservation[],
  },
]);
