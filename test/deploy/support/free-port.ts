import { createServer } from "node:net";

/** Below the ports that systems give to whoever asks for any: Linux from 32768 on, others from 49152 on. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/**
 * A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one themselves. Nobody is given it by chance
 * meanwhile: neither a connection nor a listener at port 0.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
