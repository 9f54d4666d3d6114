import type { ReadText } from "../runtime/machine.ts";
import type { FileMention } from "./read-message.ts";
import type { Report } from "./report.ts";

/**
 * Checks that the files that the configuration names can be read and hold what they should. Whether a key fits its
 * certificate is found when the listener starts.
 */
export async function checkFiles(files: readonly FileMention[], readText: ReadText, report: Report): Promise<void> {
  const found = await Promise.all(files.map(async ({ file, holds }) => wrongWith(file, holds, readText)));
  found.forEach((wrong, index) => {
    if (wrong !== null) report.add(files[index].path, `"${files[index].file}" ${wrong}`);
  });
}

async function wrongWith(file: string, holds: FileMention["holds"], readText: ReadText): Promise<string | null> {
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    return `cannot be read: ${reason(error)}`;
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    return "is encrypted with a passphrase; store the key without one, readable by the gateway alone";
  }
  const begin =
    holds === "CERTIFICATE" ? /-----BEGIN (TRUSTED )?CERTIFICATE-----/ : /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;
  if (begin.test(text)) return null;
  const other = /-----BEGIN ([A-Z ]+)-----/.exec(text)?.[1];
  return `holds ${other === undefined ? "no PEM text" : `a ${other}`}; it must hold a ${holds} in PEM form`;
}

/** Node writes `ENOENT: no such file or directory, open '/x'`; the path has been said already. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^[A-Z]+: /, "")
    .replace(/, [a-z]+( '.*')?$/, "")
    .replace(/: [a-z]+ '.*'$/, "");
}
