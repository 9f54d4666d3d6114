import { createServer } from "node:net";

/**
 * Below Linux's range for outgoing connections (from 32768), where port 0 would choose: the hundreds of connections of a load
 * run would soon take a port that was free a moment ago.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Ports on 127.0.0.1 that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
