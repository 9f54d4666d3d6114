import type { Clock, ReadText } from "../../runtime/machine.ts";
import { type HostsFile, parseHostsFile } from "./hosts-file.ts";
import { parseResolvConf, type ResolvConf } from "./resolv-conf.ts";

/** What the machine says about names and name servers. */
export interface MachineFiles {
  readonly resolvConf: ResolvConf;
  readonly hosts: HostsFile;
}

/** A pod's files hardly ever change, so once a minute is enough; after a failed refresh they are read again at once. */
const FRESH_MS = 60_000;

/** Gives the parsed files and reads them again when they may be out of date. An unreadable file counts as empty. */
export interface MachineFilesReader {
  read(): Promise<MachineFiles>;
  /** The next `read` reads for certain. */
  expire(): void;
}

export function createMachineFilesReader(clock: Clock, readText: ReadText): MachineFilesReader {
  let files: MachineFiles | null = null;
  let readAt = 0;
  const textOf = (path: string) => readText(path).catch(() => "");
  return {
    read: async () => {
      if (files === null || clock.now() - readAt >= FRESH_MS) {
        const [resolvConf, hosts] = await Promise.all([textOf("/etc/resolv.conf"), textOf("/etc/hosts")]);
        files = { resolvConf: parseResolvConf(resolvConf), hosts: parseHostsFile(hosts) };
        readAt = clock.now();
      }
      return files;
    },
    expire: () => {
      readAt = Number.NEGATIVE_INFINITY;
    },
  };
}
