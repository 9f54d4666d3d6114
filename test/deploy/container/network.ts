import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";

/** A network of containers, as an engine makes it: a bridge, and a network namespace with an address for each. */
export interface Network {
  /** The process whose namespace has the bridge: where the engine's own machine would be. */
  readonly host: number;
  /** A new namespace on the bridge. @returns the process that holds it open */
  join(address: string): Promise<number>;
  remove(): void;
}

/** Needs root. Nothing of it is seen outside of its namespaces. @param host the bridge's own address, `172.30.0.1/24` */
export async function createNetwork(host: string): Promise<Network> {
  const holders: ChildProcess[] = [];
  const hold = async (): Promise<number> => {
    const child = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
    holders.push(child);
    const pid = child.pid ?? 0;
    const own = readlinkSync("/proc/self/ns/net");
    // It is a fork of this process first; it has a namespace of its own when it says so.
    while (readlinkSync(`/proc/${pid}/ns/net`) === own) await new Promise(setImmediate);
    return pid;
  };
  const inside = (pid: number, ...commands: readonly string[]) => {
    for (const command of commands) execFileSync("nsenter", ["--target", String(pid), "--net", ...command.split(" ")]);
  };
  const length = host.split("/")[1];
  const bridge = await hold();
  inside(
    bridge,
    "ip link set lo up",
    "ip link add bridge type bridge",
    `ip addr add ${host} dev bridge`,
    "ip link set bridge up",
  );
  return {
    host: bridge,
    join: async (address) => {
      const pid = await hold();
      const name = `port${holders.length}`;
      inside(
        bridge,
        `ip link add ${name} type veth peer name eth0 netns ${pid}`,
        `ip link set ${name} master bridge up`,
      );
      inside(pid, "ip link set lo up", `ip addr add ${address}/${length} dev eth0`, "ip link set eth0 up");
      // As Docker has it: within a container every port may be taken, by whatever user.
      inside(pid, "sysctl -qw net.ipv4.ip_unprivileged_port_start=0");
      return pid;
    },
    remove: () => {
      for (const holder of holders) holder.kill("SIGKILL");
    },
  };
}
