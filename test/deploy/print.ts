/** npm run deploy:file: writes deploy/kubernetes.yaml. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";
import { oneFile } from "./one-file.ts";

writeFileSync(join(ROOT, "deploy/kubernetes.yaml"), oneFile());
