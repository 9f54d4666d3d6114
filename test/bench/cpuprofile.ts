/** The part of V8's .cpuprofile that is read here. */
export interface CpuProfile {
  /** Microseconds of the machine's monotonic clock, the one that process.hrtime shows in every process. */
  readonly startTime: number;
  readonly nodes: readonly ProfileNode[];
  /** Node ids, one per sample. */
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
  /** Samples per source line inside the function; lines from 1. */
  readonly positionTicks?: readonly { readonly line: number; readonly ticks: number }[];
}

export interface Share {
  /** Function and place, or place alone. */
  readonly name: string;
  /** Of the time that was not idle, 0-1. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly busyMs: number;
  readonly idleMs: number;
  /** By self time, largest first. */
  readonly functions: readonly Share[];
  readonly files: readonly Share[];
  readonly lines: readonly Share[];
}

/**
 * Adds up self time: the time of a sample belongs to the function that was running, not to its callers.
 * @param window microseconds on the clock of `startTime`; samples outside are left out, such as those of the profiler's own start
 */
export function summarise(profile: CpuProfile, root: string, window: readonly [number, number]): ProfileSummary {
  const selfUs = new Map<number, number>();
  let at = profile.startTime;
  profile.samples.forEach((id, i) => {
    // Samples can be out of order by a little; none may take time away.
    const us = Math.max(0, profile.timeDeltas[i]);
    at += us;
    if (at >= window[0] && at <= window[1]) selfUs.set(id, (selfUs.get(id) ?? 0) + us);
  });
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  const lines = new Map<string, number>();
  let busy = 0;
  let idle = 0;
  for (const node of profile.nodes) {
    const us = selfUs.get(node.id) ?? 0;
    const { functionName, url, lineNumber } = node.callFrame;
    if (functionName === "(idle)") {
      idle += us;
      continue;
    }
    busy += us;
    const file = shorten(url, root);
    const name = functionName === "" ? "(anonymous)" : functionName;
    add(functions, file === "" ? name : `${name}  ${file}:${lineNumber + 1}`, us);
    add(files, file === "" ? name : file, us);
    const ticks = (node.positionTicks ?? []).reduce((sum, tick) => sum + tick.ticks, 0);
    for (const tick of node.positionTicks ?? []) add(lines, `${file || name}:${tick.line}`, (us * tick.ticks) / ticks);
  }
  const shares = (map: Map<string, number>): Share[] =>
    [...map].map(([name, us]) => ({ name, share: us / busy })).sort((a, b) => b.share - a.share);
  return {
    busyMs: busy / 1000,
    idleMs: idle / 1000,
    functions: shares(functions),
    files: shares(files),
    lines: shares(lines),
  };
}

function add(map: Map<string, number>, key: string, us: number): void {
  map.set(key, (map.get(key) ?? 0) + us);
}

function shorten(url: string, root: string): string {
  const path = url.startsWith("file://") ? decodeURIComponent(url.slice("file://".length)) : url;
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
