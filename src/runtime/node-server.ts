import type { Server } from "node:net";
import { formatHostPort } from "./address.ts";
import { stagedError } from "./plain-error.ts";

/**
 * Starts listening. @throws (rejects) with the address in the message when it cannot; gives the real port.
 * @param fd a socket that is bound and listens already, in place of host and port
 */
export function listening(server: Server, host: string, port: number, fd?: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(stagedError(`listen on ${formatHostPort(host, port)}`, error));
    server.once("error", failed);
    const where = fd === undefined ? { host, port } : { fd };
    server.listen(where, () => {
      server.off("error", failed);
      // Later errors are failed accepts (no file descriptors left): the listener goes on, the client sees its own error.
      server.on("error", () => {});
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
