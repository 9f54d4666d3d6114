/**
 * The text of the declaration that begins at a place of a TypeScript source: to its semicolon, to the brace of a function's body, or to
 * the end of an interface's. Comments in it are left out.
 */
export function declarationAt(source: Uint8Array, byteIndex: number): string {
  const text = new TextDecoder().decode(source.subarray(byteIndex)).replace(/^export /, "");
  const block = /^(?:interface|class|enum)\b/.test(text);
  let depth = 0;
  let taken = "";
  for (let at = 0; at < text.length; at++) {
    const rest = text.slice(at, at + 2);
    if (rest === "/*") {
      at = text.indexOf("*/", at) + 1;
      continue;
    }
    if (rest === "//") {
      at = text.indexOf("\n", at) - 1;
      continue;
    }
    const one = text[at];
    // An interface's members are told of one by one.
    if (one === "{" && depth === 0 && (block || /^(?:async )?function\b/.test(text))) break;
    if (one === ";" && depth === 0) break;
    if ("([{".includes(one)) depth++;
    // The `>` of an arrow closes nothing; those of type arguments never hold a semicolon.
    if (")]}".includes(one)) depth--;
    if (depth < 0) break;
    taken += one;
  }
  return taken
    .replaceAll(/[ \t]+$/gm, "")
    .replaceAll(/\n{2,}/g, "\n")
    .replaceAll(/\n {2}/g, "\n")
    .trim();
}
