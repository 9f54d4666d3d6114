/** A command line with holes for what is only known when it runs. */
export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Holes {
  /** Where to listen. */
  readonly port: number;
  /** A second free port, for admin pages. */
  readonly admin: number;
  readonly pods: readonly [number, number];
}

/**
 * `NAME=value ... program argument ...` with {port}, {admin}, {a} and {b} (the pods' ports) filled in.
 * Words are split at white space; a word with spaces is put in single or double quotes.
 */
export function fillCommand(text: string, holes: Holes): Command {
  const words = (text.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []).map((word) =>
    word
      .replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? "")
      .replaceAll("{port}", String(holes.port))
      .replaceAll("{admin}", String(holes.admin))
      .replaceAll("{a}", String(holes.pods[0]))
      .replaceAll("{b}", String(holes.pods[1])),
  );
  const env: Record<string, string> = {};
  while (words.length > 0 && /^[A-Za-z_]\w*=/.test(words[0])) {
    const word = words.shift() ?? "";
    env[word.slice(0, word.indexOf("="))] = word.slice(word.indexOf("=") + 1);
  }
  if (words.length === 0) throw new Error(`command "${text}": no program in it`);
  return { argv: words, env };
}

/** The gateway itself, as the README starts it. */
export const FAIRLEAD =
  "node dist/main.js --listen 127.0.0.1:{port} --admin 127.0.0.1:{admin} ipv4:127.0.0.1:{a},127.0.0.1:{b}";
