/** `npm run isolates`: what it costs that balancing state lives per isolate. Writes its table into docs/serverless.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { isolatesTable } from "./table.ts";

const PAGE = join(ROOT, "docs/serverless.md");
const string = { type: "string" } as const;
const { values } = parseArgs({ options: { seed: string, seconds: string } });
const table = isolatesTable(Number(values.seed ?? 1), Number(values.seconds ?? 60));
console.log(table);
if (values.seed === undefined && values.seconds === undefined) {
  const marks = /(<!-- isolates:begin -->\n)[\s\S]*(<!-- isolates:end -->)/;
  writeFileSync(
    PAGE,
    readFileSync(PAGE, "utf8").replace(marks, (_all, begin, end) => `${begin}\n${table}\n\n${end}`),
  );
}
