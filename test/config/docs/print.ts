import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderDocs } from "./render.ts";

/** `npm run docs:config`: writes docs/configuration.md anew. */
const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const text = renderDocs(read("proto/fairlead/config/v1/config.proto"), read("test/config/docs/example.yaml"));
const file = new URL("docs/configuration.md", root);
writeFileSync(file, text);
console.log(`wrote ${fileURLToPath(file)}`);
