import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { declarationAt } from "./declaration.ts";

/** A public entry of the package, `fairlead/transport`, with what it exports. */
export interface ApiModule {
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  readonly symbols: readonly ApiSymbol[];
}

export interface ApiSymbol {
  readonly name: string;
  readonly kind: string;
  readonly docs: Docs;
  /** The declaration without its body and its members' comments. */
  readonly signature: string;
  readonly source: Source;
  readonly members: readonly ApiMember[];
}

export interface ApiMember {
  readonly name: string;
  readonly docs: Docs;
  readonly signature: string;
  readonly source: Source;
}

export interface Docs {
  /** Empty when there is no comment. */
  readonly text: string;
  readonly throws: readonly string[];
  readonly returns: string;
  readonly params: readonly { readonly name: string; readonly text: string }[];
}

export interface Source {
  /** From the repository's root. */
  readonly file: string;
  readonly line: number;
}

/** What `deno doc --json` prints, as far as it is used (version 2). */
interface DenoDoc {
  readonly version: number;
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DenoSymbol[] }>>;
}

interface DenoSymbol {
  readonly name: string;
  readonly declarations: readonly DenoDeclaration[];
}

interface DenoNode {
  readonly location: { readonly filename: string; readonly line: number; readonly byteIndex: number };
  readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly DenoTag[] };
}

type DenoTag = { readonly kind: string; readonly doc?: string; readonly name?: string };

interface DenoDeclaration extends DenoNode {
  readonly kind: string;
  readonly declarationKind: string;
  readonly def: {
    readonly target?: DenoNode["location"];
    readonly properties?: readonly (DenoNode & { readonly name: string })[];
    readonly methods?: readonly (DenoNode & { readonly name: string })[];
  };
}

/** The entries by the package's own `exports`: their types are made of the source of the same name. */
function entries(): readonly { readonly name: string; readonly file: string }[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === "string") return [];
    const file = target.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
    return [{ name: `fairlead${path.slice(1)}`, file }];
  });
}

/** @param deno the program */
export function readApi(deno: string): readonly ApiModule[] {
  const modules = entries();
  const printed = execFileSync(deno, ["doc", "--json", ...modules.map(({ file }) => file)], {
    cwd: ROOT,
    encoding: "utf8",
    // It warns of types of Node's that it does not need.
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 << 20,
  });
  const doc = JSON.parse(printed) as DenoDoc;
  if (doc.version !== 2) throw new Error(`deno doc --json is of version ${doc.version}; this reads version 2`);
  /** What one entry exports of another's is described there. */
  const known = new Set<string>();
  return modules.map(({ name, file }) => {
    const found = Object.entries(doc.nodes).find(([url]) => fileURLToPath(url) === join(ROOT, file));
    if (found === undefined) throw new Error(`deno doc said nothing of ${file}`);
    const symbols = found[1].symbols.flatMap((symbol) => {
      const [declaration] = symbol.declarations;
      if (declaration.declarationKind !== "export" || declaration.kind === "reference") return [];
      const place = `${declaration.location.filename}:${declaration.location.line}`;
      if (known.has(place)) return [];
      known.add(place);
      return [symbolOf(symbol.name, declaration)];
    });
    // What people come for stands first.
    return { name, file, symbols: symbols.sort((a, b) => rank(a) - rank(b)) };
  });
}

function rank({ kind }: ApiSymbol): number {
  return kind === "function" ? 0 : 1;
}

function symbolOf(name: string, declaration: DenoDeclaration): ApiSymbol {
  const { properties = [], methods = [] } = declaration.def;
  const members = [...properties, ...methods]
    .map((member) => ({ ...memberOf(member), name: member.name }))
    .sort((a, b) => a.source.line - b.source.line);
  return { name, kind: declaration.kind, members, ...memberOf(declaration) };
}

function memberOf(node: DenoNode): Pick<ApiMember, "docs" | "signature" | "source"> {
  const { filename, line, byteIndex } = node.location;
  const file = fileURLToPath(filename);
  const { text, tags } = readDocs(node);
  const of = (kind: string): readonly DenoTag[] => tags.filter((tag) => tag.kind === kind);
  return {
    docs: {
      text,
      throws: of("throws").map(({ doc = "" }) => doc),
      returns: of("return").map(({ doc = "" }) => doc)[0] ?? "",
      params: of("param").map(({ name = "", doc = "" }) => ({ name, text: doc })),
    },
    signature: declarationAt(readFileSync(file), byteIndex),
    source: { file: relative(ROOT, file), line },
  };
}

/** Comments of one line have their tags in it: `Reads a file. @throws (rejects) when it cannot be read`. */
function readDocs({ jsDoc }: DenoNode): { readonly text: string; readonly tags: readonly DenoTag[] } {
  const [text, ...inline] = (jsDoc?.doc ?? "").split(/(?:^|\s)(?=@(?:throws|returns|param) )/);
  const tags = inline.map((tag): DenoTag => {
    const [, kind = "", rest = ""] = /^@(\w+) (.*)$/s.exec(tag) ?? [];
    if (kind !== "param") return { kind: kind === "returns" ? "return" : kind, doc: rest };
    const [, name = "", doc = ""] = /^(\w+) (.*)$/s.exec(rest) ?? [];
    return { kind, name, doc };
  });
  return { text, tags: [...(jsDoc?.tags ?? []), ...tags] };
}
