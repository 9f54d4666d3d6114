// Adds up vitest's JSON reports: node .ci/count.mjs FOLDER. Names what failed and what was skipped, then prints `passed failed skipped`.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";

const folder = process.argv[2];
const sum = { passed: 0, failed: 0, skipped: 0 };

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith(".json")) continue;
  const run = file.replace(/\.json$/, "");
  const report = JSON.parse(readFileSync(join(folder, file), "utf8"));
  for (const { name, status, assertionResults, message } of report.testResults) {
    const skipped = [];
    for (const test of assertionResults) {
      if (test.status === "passed") sum.passed++;
      else if (test.status === "failed") {
        sum.failed++;
        console.error(`${run}: failed: ${relative(".", name)}: ${test.fullName}`);
      } else skipped.push(test.fullName);
    }
    // A file that could not be loaded, or whose hooks failed, has no test to show for it.
    if (status === "failed" && !assertionResults.some((test) => test.status === "failed")) {
      sum.failed++;
      console.error(`${run}: ${relative(".", name)} failed as a whole: ${message}`);
    }
    sum.skipped += skipped.length;
    const some = skipped.slice(0, 3).join("; ");
    const more = skipped.length > 3 ? `; and ${skipped.length - 3} more` : "";
    if (skipped.length > 0)
      console.error(`${run}: ${skipped.length} skipped in ${relative(".", name)}: ${some}${more}`);
  }
}
console.log(sum.passed, sum.failed, sum.skipped);
