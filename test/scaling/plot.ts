import { COLOURS, text } from "../bench/plot.ts";
import { type Cell, LARGE, LOADS, least, ORDINAL, oracle, SUBSETS } from "./grid.ts";

/** Pixels. */
const PANEL = { width: 290, height: 300, gap: 46 };
const MARGIN = { left: 58, top: 92, right: 24, bottom: 92 };
/** The axis of p99, in milliseconds, logarithmic. */
const LOW = 30;
const HIGH = 3_000;

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dash?: string;
  /** The cells of one load, by subset; level lines have one. */
  readonly points: readonly string[];
}

const names = (ties: "quickest" | "random", subsets: readonly number[], choice?: "salted" | "ordinal") =>
  subsets.map((subset) => least(ties, subset, choice).name);

const LINES: readonly Line[] = [
  { name: "random ties, subset by salt", colour: "#d97706", points: names("random", [50, 100, 200, 1_000, 0]) },
  { name: "quickest ties, subset by salt", colour: COLOURS.ours, points: names("quickest", SUBSETS) },
  {
    name: "quickest ties, subset by ordinal",
    colour: COLOURS.oursSoft,
    dash: "6 3",
    points: names("quickest", ORDINAL, "ordinal"),
  },
  { name: "round_robin, all pods", colour: COLOURS.soft, dash: "2 3", points: ["round_robin, all pods"] },
  { name: "one gateway that sees all", colour: COLOURS.yardstick, dash: "8 4", points: [oracle.name] },
];

/** p99 over the size of the subset, one panel per load. */
export function plot(cells: readonly Cell[]): string {
  const width = MARGIN.left + LOADS.length * PANEL.width + (LOADS.length - 1) * PANEL.gap + MARGIN.right;
  const height = MARGIN.top + PANEL.height + MARGIN.bottom;
  const panels = LOADS.map((load, i) => {
    const x = MARGIN.left + i * (PANEL.width + PANEL.gap);
    const own = cells.filter(
      (cell) => cell.size === "large" && cell.load === load && cell.contender.heavy === undefined,
    );
    return `<g transform="translate(${x} ${MARGIN.top})">${panel(load, own)}</g>`;
  });
  const step = (width - MARGIN.left) / 3;
  const legend = LINES.map(({ name, colour, dash }, i) => {
    const x = MARGIN.left + (i % 3) * step;
    const y = height - 40 + Math.floor(i / 3) * 20;
    return `${stroke([x, y - 4], [x + 28, y - 4], colour, dash)}${text(x + 34, y, name, { size: 12 })}`;
  });
  const label = "p99 latency against the pods that each gateway knows, at three loads";
  const { pods, gateways, clients } = LARGE;
  const [p, c] = [pods, clients].map((count) => count.toLocaleString("en"));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" role="img" aria-label="${label}">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(16, 30, `p99 in ms over the number of pods that each of ${gateways} gateways knows`, { size: 19, bold: true })}
${text(16, 52, `Simulated: ${p} pods, one in 100 at half speed, ${c} clients; a call is 10 ms of work. Lower is better; both axes are logarithmic.`, { size: 13, fill: COLOURS.soft })}
${panels.join("\n")}
${legend.join("\n")}
</svg>
`;
}

function across(subset: number): number {
  const [from, to] = [SUBSETS[0], LARGE.pods].map(Math.log);
  return ((Math.log(subset === 0 ? LARGE.pods : subset) - from) / (to - from)) * PANEL.width;
}

function up(ms: number): number {
  const at = (Math.log(Math.min(Math.max(ms, LOW), HIGH)) - Math.log(LOW)) / (Math.log(HIGH) - Math.log(LOW));
  return PANEL.height * (1 - at);
}

function panel(load: number, cells: readonly Cell[]): string {
  const byName = new Map(cells.map((cell) => [cell.contender.name, cell]));
  const grid = [
    ...[30, 100, 300, 1_000, 3_000].map(
      (ms) =>
        stroke([0, up(ms)], [PANEL.width, up(ms)], "#e6eaf0") +
        text(-8, up(ms) + 4, ms.toLocaleString("en"), { size: 11, fill: COLOURS.soft, anchor: "end" }),
    ),
    ...[20, 50, 200, 1_000, 0].map(
      (subset) =>
        stroke([across(subset), 0], [across(subset), PANEL.height], "#e6eaf0") +
        text(across(subset), PANEL.height + 18, subset === 0 ? "all" : subset.toLocaleString("en"), {
          size: 11,
          fill: COLOURS.soft,
          anchor: "middle",
        }),
    ),
  ];
  const lines = LINES.map(({ points, colour, dash }) => {
    const found = points.flatMap((name) => byName.get(name) ?? []);
    const places = found.map(({ contender, outcome }) => [across(contender.subset), up(outcome.p99)] as const);
    if (places.length === 0) return "";
    if (points.length === 1) return stroke([0, places[0][1]], [PANEL.width, places[0][1]], colour, dash);
    const path = places.map((place) => place.map((at) => at.toFixed(1)).join(",")).join(" ");
    const dots = places.map(([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.2" fill="${colour}"/>`);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashed(dash)}/>${dots.join("")}`;
  });
  const title = text(0, -12, `at ${Math.round(load * 100)}% load`, { size: 14, bold: true });
  return title + grid.join("") + lines.join("");
}

type Place = readonly [x: number, y: number];

function stroke([x1, y1]: Place, [x2, y2]: Place, colour: string, dash?: string): string {
  const ends = `x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"`;
  const wide = colour === "#e6eaf0" ? 1 : 2;
  return `<line ${ends} stroke="${colour}" stroke-width="${wide}"${dashed(dash)}/>`;
}

function dashed(dash: string | undefined): string {
  return dash === undefined ? "" : ` stroke-dasharray="${dash}"`;
}
