/** A request that node's own parser has seen whole. */
export interface Parsed {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

export interface Verdict {
  readonly requests: readonly Parsed[];
  /** The code of its refusal; empty when it wants more. */
  readonly error: string;
  /** It has stopped where another protocol would begin. */
  readonly upgraded: boolean;
}

interface NativeParser {
  initialize(kind: number, resource: object): void;
  execute(bytes: Buffer): number | (Error & { readonly code?: string });
  [event: number]: (...args: never[]) => number | void;
}

interface NativeParserClass {
  new (): NativeParser;
  readonly REQUEST: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

interface Binding {
  readonly HTTPParser: NativeParserClass;
  readonly methods: readonly string[];
  readonly allMethods?: readonly string[];
}

function load(): Binding | null {
  try {
    const { binding } = process as unknown as { readonly binding?: (name: string) => Binding };
    const found = binding?.("http_parser");
    return found?.HTTPParser === undefined || found.methods === undefined ? null : found;
  } catch {
    return null;
  }
}

const native = load();

/** Node's parser without the server around it, which is not there on Deno and Bun. */
export const hasLlhttp = native !== null && process.versions.bun === undefined && !("Deno" in globalThis);

/** What llhttp, strict as node:http has it by default, makes of a connection's bytes. */
export function readWithLlhttp(text: string): Verdict {
  if (native === null) throw new Error("no llhttp here");
  const { HTTPParser } = native;
  const names = native.allMethods ?? native.methods;
  const parser = new HTTPParser();
  const requests: Parsed[] = [];
  let current = { method: "", target: "", body: "" };
  let upgraded = false;
  parser.initialize(HTTPParser.REQUEST, {});
  parser[HTTPParser.kOnHeadersComplete] = ((
    _major: number,
    _minor: number,
    _headers: readonly string[],
    method: number,
    target: string,
    _status: number,
    _reason: string,
    upgrade: boolean,
  ) => {
    current = { method: names[method] ?? String(method), target, body: "" };
    upgraded = upgrade;
    return upgrade ? 2 : 0;
  }) as never;
  parser[HTTPParser.kOnBody] = ((bytes: Buffer) => {
    current.body += bytes.toString("latin1");
  }) as never;
  parser[HTTPParser.kOnMessageComplete] = (() => {
    requests.push(current);
  }) as never;
  const result = parser.execute(Buffer.from(text, "latin1"));
  return { requests, error: typeof result === "number" ? "" : (result.code ?? result.message), upgraded };
}
