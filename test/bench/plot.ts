import type { Results } from "./results.ts";
import { median } from "./stats.ts";

/** Sizes in pixels of the picture's own coordinate system. */
const PANEL = { width: 440, top: 34, row: 24, bar: 15, label: 128, gapX: 24, gapY: 26 };
const HEAD = 74;
const MARGIN = 20;
/** The axis ends here, in multiples of HAProxy; longer bars are broken and say their value. */
const AXIS_END = 5;

export const COLOURS = {
  ours: "#0f766e",
  oursSoft: "#5eada6",
  yardstick: "#334155",
  others: "#b6c0cc",
  ink: "#1e293b",
  soft: "#64748b",
};

interface Bar {
  readonly name: string;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly colour: string;
  readonly strong: boolean;
}

/** The picture of the results: one panel per shape, one bar per proxy, the length is CPU per call as a multiple of HAProxy's. */
export function plot(results: Results): string {
  const shapes = results.settings.shapes;
  const panels = shapes.map((shape) => ({ shape, bars: barsOf(results, shape) }));
  const rows = Math.max(...panels.map(({ bars }) => bars.length), 1);
  const panelHeight = PANEL.top + rows * PANEL.row;
  const columns = Math.min(2, panels.length);
  const lines = Math.ceil(panels.length / columns);
  const width = MARGIN * 2 + columns * PANEL.width + (columns - 1) * PANEL.gapX;
  const height = HEAD + lines * panelHeight + (lines - 1) * PANEL.gapY + MARGIN + 22;
  const body = panels.map(({ shape, bars }, i) => {
    const x = MARGIN + (i % columns) * (PANEL.width + PANEL.gapX);
    const y = HEAD + Math.floor(i / columns) * (panelHeight + PANEL.gapY);
    return `<g transform="translate(${x} ${y})">${panel(shape, bars)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" role="img" aria-label="CPU per call of each proxy as a multiple of HAProxy's">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(MARGIN, 32, "CPU per gRPC call, as a multiple of HAProxy's", { size: 20, bold: true })}
${text(MARGIN, 54, "Shorter is better. 69-byte call, each proxy alone on one core, same pods and load; HAProxy = 1.", { size: 13, fill: COLOURS.soft })}
${body.join("\n")}
${text(MARGIN, height - 14, `Medians of ${results.settings.rounds} interleaved rounds; the thin line is lowest to highest. ${results.machine.cpu}, Node ${results.machine.node}, ${results.date}.`, { size: 11, fill: COLOURS.soft })}
</svg>
`;
}

function barsOf(results: Results, shape: string): Bar[] {
  return results.peers
    .filter((peer) => (peer.cost[shape]?.ratios.length ?? 0) > 0)
    .map((peer): Bar => {
      const ratios = peer.cost[shape].ratios;
      const main = peer.key === "fairlead";
      return {
        name: peer.name,
        ratio: median(ratios),
        low: Math.min(...ratios),
        high: Math.max(...ratios),
        colour: main
          ? COLOURS.ours
          : peer.key.startsWith("fairlead-")
            ? COLOURS.oursSoft
            : peer.key === results.settings.yardstick
              ? COLOURS.yardstick
              : COLOURS.others,
        strong: main,
      };
    })
    .sort((a, b) => a.ratio - b.ratio);
}

function panel(shape: string, bars: readonly Bar[]): string {
  const [connections, streams] = shape.split("x").map(Number);
  const title = `${connections} connection${connections === 1 ? "" : "s"} \u00d7 ${streams} call${streams === 1 ? "" : "s"} at a time`;
  const end = PANEL.width - 52;
  const scale = (ratio: number): number => PANEL.label + (Math.min(ratio, AXIS_END) / AXIS_END) * (end - PANEL.label);
  const bottom = PANEL.top + bars.length * PANEL.row - 4;
  const grid = Array.from({ length: AXIS_END }, (_, i) => i + 1).map((tick) => {
    const x = scale(tick);
    const line =
      tick === 1
        ? `<line x1="${x}" x2="${x}" y1="${PANEL.top - 6}" y2="${bottom}" stroke="${COLOURS.yardstick}" stroke-dasharray="4 3"/>`
        : `<line x1="${x}" x2="${x}" y1="${PANEL.top - 6}" y2="${bottom}" stroke="#e6eaf0"/>`;
    return line + text(x, PANEL.top - 10, `${tick}\u00d7`, { size: 10, fill: COLOURS.soft, anchor: "middle" });
  });
  const rows = bars.map((bar, i) => {
    const y = PANEL.top + i * PANEL.row;
    const to = scale(bar.ratio);
    const middle = y + PANEL.bar / 2;
    const broken = bar.ratio > AXIS_END;
    const label = bar.ratio >= 9.95 ? bar.ratio.toFixed(0) : bar.ratio.toFixed(2);
    return [
      text(PANEL.label - 8, middle + 4, bar.name, { size: 12, anchor: "end", bold: bar.strong }),
      `<rect x="${PANEL.label}" y="${y}" width="${(to - PANEL.label).toFixed(1)}" height="${PANEL.bar}" fill="${bar.colour}"/>`,
      broken ? gap(to - 26, y) : whisker(scale(bar.low), scale(bar.high), middle),
      text(Math.max(to, broken ? 0 : scale(bar.high)) + 6, middle + 4, `${label}\u00d7`, {
        size: 12,
        bold: bar.strong || broken,
      }),
    ].join("");
  });
  return text(0, 4, title, { size: 14, bold: true }) + grid.join("") + rows.join("");
}

/** Two slanted white strokes through a bar: it is longer than it is drawn. */
function gap(x: number, y: number): string {
  const stroke = (at: number): string =>
    `<line x1="${at}" y1="${y + PANEL.bar + 2}" x2="${at + 6}" y2="${y - 2}" stroke="#ffffff" stroke-width="3"/>`;
  return stroke(x) + stroke(x + 7);
}

function whisker(low: number, high: number, y: number): string {
  return `<line x1="${low.toFixed(1)}" x2="${high.toFixed(1)}" y1="${y}" y2="${y}" stroke="${COLOURS.ink}" stroke-width="1.5"/>`;
}

/** Text that stays readable over lines of a grid. */
export function text(
  x: number,
  y: number,
  content: string,
  style: { size: number; bold?: boolean; fill?: string; anchor?: "middle" | "end" },
): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  // The white edge keeps a label readable where a line of the grid passes behind it.
  return `<text paint-order="stroke" stroke="#ffffff" stroke-width="3" x="${x}" y="${y}" font-size="${style.size}" fill="${style.fill ?? COLOURS.ink}"${style.bold ? ' font-weight="bold"' : ""}${style.anchor ? ` text-anchor="${style.anchor}"` : ""}>${escaped}</text>`;
}
