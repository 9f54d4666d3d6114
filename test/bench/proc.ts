import { readdirSync, readFileSync } from "node:fs";

/** What Linux says about a process and all that it started. Everything is read from /proc, nothing is sampled. */
export interface Usage {
  /** Nanoseconds on a core, all threads of all processes, since each of them started. */
  readonly cpuNs: number;
  /** Resident memory in bytes, summed over the processes (pages shared between them count more than once). */
  readonly rssBytes: number;
}

/** @throws when the process is gone: a peer that died must not be measured as free. */
export function usage(root: number): Usage {
  let cpuNs = 0;
  let rssBytes = 0;
  for (const pid of processTree(root)) {
    cpuNs += cpuNsOf(pid);
    rssBytes += rssBytesOf(pid);
  }
  return { cpuNs, rssBytes };
}

/** The process and its descendants: nginx and nghttpx work in a child of the process that was started. */
export function processTree(root: number): number[] {
  const found = [root];
  for (let next = 0; next < found.length; next++) {
    for (const task of tasks(found[next])) {
      const children = readTask(`/proc/${found[next]}/task/${task}/children`).trim();
      if (children !== "") found.push(...children.split(" ").map(Number));
    }
  }
  return found;
}

/**
 * The first field of schedstat is the time on a core in nanoseconds; utime and stime of /proc/PID/stat count ticks of 10 ms,
 * which is 2% of a run here. The threads of a process are summed because the file of the process is its first thread only.
 */
function cpuNsOf(pid: number): number {
  let sum = 0;
  for (const task of tasks(pid)) {
    sum += Number(readTask(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0]);
  }
  return sum;
}

function rssBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return line === null ? 0 : Number(line[1]) * 1024;
}

function tasks(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`);
}

/** Empty for a thread that has ended since the folder was read. */
function readTask(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
