/** All that the table shows. Pure data: the table is drawn from this and from nothing else. */
export interface TableState {
  /** Seconds since the load began. */
  readonly seconds: number;
  readonly rows: readonly Row[];
  /** All pods together. */
  readonly total: { readonly fairlead: Cell; readonly pinned: Cell };
}

export interface Row {
  readonly pod: string;
  readonly slow: boolean;
  readonly dns: "in" | "out";
  readonly fairlead: Cell;
  readonly pinned: Cell;
}

export interface Cell {
  readonly outstanding: number;
  readonly calls: number;
  /** Milliseconds; null when nothing was measured. */
  readonly p50: number | null;
  readonly p99: number | null;
}

const podWidth = 12;
const divider = " | ";
const heading = "  open calls share    p50    p99";

/** The table as lines without line ends, none longer than `columns`. */
export function renderTable(state: TableState, columns: number): string[] {
  const { fairlead, pinned } = state.total;
  const lines = [
    `${pad(`${Math.round(state.seconds)} s`, podWidth)}${center("through Fairlead", heading.length)}${divider}${center("without: pinned to one pod", heading.length)}`,
    `${pad("pod", podWidth)}${heading}${divider}${heading}`,
    ...state.rows.map(
      (row) =>
        pad(label(row), podWidth) +
        cell(row.fairlead, fairlead.calls) +
        divider +
        (row.pinned.calls + row.pinned.outstanding > 0
          ? cell(row.pinned, pinned.calls)
          : center("idle", heading.length)),
    ),
    `${pad("all", podWidth)}${cell(fairlead, fairlead.calls)}${divider}${cell(pinned, pinned.calls)}`,
  ];
  return lines.map((line) => line.trimEnd().slice(0, columns));
}

/** The same in one line, for output that is not a terminal. */
export function renderLine(state: TableState): string {
  const { fairlead, pinned } = state.total;
  const shares = state.rows
    .filter((row) => row.dns === "in" || row.fairlead.outstanding > 0)
    .map((row) => `${row.pod} ${percent(row.fairlead.calls, fairlead.calls)}`)
    .join(", ");
  return (
    `${`${Math.round(state.seconds)} s`.padStart(5)}  Fairlead: ${shares}; ${fairlead.outstanding} open, p99 ${time(fairlead.p99)}` +
    ` | pinned: ${pinned.outstanding} open, p99 ${time(pinned.p99)}`
  );
}

function label(row: Row): string {
  if (row.dns === "out") return `${row.pod} (out)`;
  return row.slow ? `${row.pod} (slow)` : row.pod;
}

function cell(cell: Cell, allCalls: number): string {
  return (
    `${cell.outstanding}`.padStart(6) +
    `${cell.calls}`.padStart(6) +
    percent(cell.calls, allCalls).padStart(6) +
    time(cell.p50).padStart(7) +
    time(cell.p99).padStart(7)
  );
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${Math.round((100 * part) / whole)}%`;
}

/** Milliseconds for people: whole ones, or seconds from 1 s on, so that a column of seven always leaves a space. */
export function time(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}

function center(text: string, width: number): string {
  return text.padStart(Math.floor((width + text.length) / 2)).padEnd(width);
}
