import type { Server } from "node:net";
import { formatHostPort } from "./address.ts";
import { stagedError } from "./plain-error.ts";

/** Starts listening. @throws (rejects) with the address in the message when it cannot; gives the real port. */
export function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(stagedError(`listen on ${formatHostPort(host, port)}`, error));
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      // Later errors are failed accepts (no file descriptors left): the listener goes on, the client sees its own error.
      server.on("error", () => {});
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
