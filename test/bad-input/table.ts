import { type CallerName, callerNames, type Seen } from "./callers.ts";

/** One item, with what each caller saw. */
export interface Row {
  readonly what: string;
  readonly seen: ReadonlyMap<CallerName, Cell>;
}

export interface Cell {
  readonly http2: Seen;
  /** Null where it was not tried. */
  readonly http1: Seen | null;
  /** What the pod heard of it. */
  readonly pod: string;
}

export function markdown(rows: readonly Row[], withPod: boolean): string {
  return [
    `| | ${callerNames.join(" | ")} |${withPod ? " the pod hears |" : ""} message |`,
    `|---|${callerNames.map(() => "---|").join("")}${withPod ? "---|" : ""}---|`,
    ...rows.map((row) => {
      const cells = callerNames.map((name) => cellText(row.seen.get(name), name));
      const pods = [...new Set([...row.seen.values()].map(({ pod }) => pod))].join(" or ");
      const messages = [
        ...new Set([...row.seen.values()].map(({ http2 }) => http2.message).filter((text) => text !== "")),
      ];
      return `| ${row.what} | ${cells.join(" | ")} |${withPod ? ` ${pods} |` : ""} ${messages.map(escaped).join("<br>")} |`;
    }),
  ].join("\n");
}

function cellText(cell: Cell | undefined, name: CallerName): string {
  if (cell === undefined) return "";
  const { http2, http1 } = cell;
  // gRPC over HTTP/1.1 is 426 always, which the page says once.
  if (http1 === null || name === "gRPC" || http1.text === http2.text) return http2.text;
  return `${http2.text}; HTTP/1.1: ${http1.text}`;
}

function escaped(text: string): string {
  const short = text.length > 160 ? `${text.slice(0, 157)}...` : text;
  return short.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
