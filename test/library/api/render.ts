import type { ApiMember, ApiModule, Docs, Source } from "./read-api.ts";

/** A page of docs/api: its file's name and its text. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

const MADE = "<!-- Made by `npm run docs:api` from the comments in src/. -->";
/** From docs/api to the root. */
const UP = "../../";

/** A page for every entry, and one that lists them. */
export function renderApi(modules: readonly ApiModule[]): readonly Page[] {
  const homes = new Map<string, string>();
  for (const module of modules) {
    for (const { name } of module.symbols) if (!homes.has(name)) homes.set(name, `${fileOf(module)}#${anchorOf(name)}`);
  }
  const list = modules.map(
    (module) =>
      `| [\`${module.name}\`](${fileOf(module)}) | ${module.symbols.map(({ name }) => `[${name}](${fileOf(module)}#${anchorOf(name)})`).join(", ")} |`,
  );
  const index = [MADE, "# API reference", "", "| import from | |", "|---|---|", ...list, ""].join("\n");
  return [{ file: "README.md", text: index }, ...modules.map((module) => pageOf(module, homes))];
}

function pageOf(module: ApiModule, homes: ReadonlyMap<string, string>): Page {
  const file = fileOf(module);
  const link = (docs: string): string =>
    docs.replaceAll(/\{@link (\w+)(?:\.\w+)?(?: \| (\w+))?\}/g, (_all, name: string, shown: string | undefined) => {
      const home = homes.get(name);
      return home === undefined ? `\`${shown ?? name}\`` : `[${shown ?? name}](${home})`;
    });
  const lines = [MADE, `# ${module.name}`, ""];
  for (const symbol of module.symbols) {
    lines.push(
      `## ${symbol.name}`,
      "",
      fence(symbol.signature),
      "",
      ...describe(symbol.docs, link),
      sourceOf(symbol.source),
      "",
    );
    if (symbol.members.length > 0) lines.push(...symbol.members.flatMap((member) => memberLines(member, link)), "");
  }
  return { file, text: `${lines.join("\n").trimEnd()}\n` };
}

function memberLines({ name, signature, docs }: ApiMember, link: (docs: string) => string): string[] {
  return [`### ${name}`, "", fence(signature), "", ...describe(docs, link)];
}

function describe({ text, params, returns, throws }: Docs, link: (docs: string) => string): string[] {
  const parts = [
    link(text),
    ...params.map((param) => `- \`${param.name}\`: ${link(param.text)}`),
    ...(returns === "" ? [] : [`**Returns** ${link(returns)}`]),
    ...throws.map((thrown) => `**Throws** ${link(thrown)}`),
  ];
  return parts.filter((part) => part !== "").flatMap((part) => [part, ""]);
}

function fence(code: string): string {
  return `\`\`\`ts\n${code}\n\`\`\``;
}

/** Without its line: this page is to change when the interface does, and not with every line above it. */
function sourceOf({ file }: Source): string {
  return `Source: [${file}](${UP}${file})`;
}

function fileOf({ name }: ApiModule): string {
  return `${name.replaceAll("/", "-")}.md`;
}

function anchorOf(name: string): string {
  return name.toLowerCase();
}
