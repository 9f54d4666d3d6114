import { describe, expect, test } from "vitest";
import { decodeMessage } from "../../src/discovery/dns/decode.ts";
import { encodeMessage } from "../../src/discovery/dns/encode.ts";
import type { Connection } from "../../src/http2/connection.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { FrameType, Setting } from "../../src/http2/frame.ts";
import type { Random } from "../../src/runtime/machine.ts";
import { integer, seededRandom } from "../support/random.ts";
import { Bodies } from "./support/bodies.ts";
import { firstValue, makeHead, okHead, okTrailers, requestFields } from "./support/fields.ts";
import type { Party } from "./support/party.ts";
import type { Pod } from "./support/pod.ts";
import { limits } from "./support/settings.ts";
import { changeWindow, checkWindows } from "./support/windows.ts";
import { startWorld, type World } from "./support/world.ts";

const LABELS = ["10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000", "10.0.0.4:9000"];
const RESETS = [ErrorCode.NO_ERROR, 1, 2, ErrorCode.REFUSED_STREAM, ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL, 11, 12];
/** Their clocks and limits are other tests'. */
const UNBOUNDED = {
  stallTimeout: 1e9,
  pingsPerSecond: 1e9,
  settingsPerSecond: 1e9,
  windowUpdatesPerSecond: 1e9,
  resetsPerSecond: 1e9,
  resetsPerConnection: 1e9,
  earlyResets: 1e9,
  provokedResets: 1e9,
};
/** Large enough that the engine, which gives credit half a window at a time, always gives some. */
const WIDE = 300_000;

/** Pods, clients and a name server that do whatever the protocols let them, in any order; and what must hold of it all. */
class Model {
  readonly bodies = new Bodies();
  readonly calls: Party[] = [];
  readonly #refused = new Set<Party>();
  /** The lowest stream ID in a GOAWAY of a connection. */
  readonly #last = new Map<Connection, number>();
  readonly #random: Random;
  readonly pods: Pod[] = [];
  world!: World;
  clients: Awaited<ReturnType<World["client"]>>[] = [];
  present = new Set(LABELS);
  rcode: 0 | 2 | 3 = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  one<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  chance(part: number): boolean {
    return this.#random() < part;
  }

  number(from: number, to: number): number {
    return integer(this.#random, from, to);
  }

  async start(): Promise<void> {
    const streamWindow = this.one([100, 1_000, 262_144]) as number;
    const peer = { streamWindow, stallTimeout: 1e9 };
    this.world = await startWorld(
      {
        random: this.#random,
        settings: {
          limits: {
            ...limits,
            ...UNBOUNDED,
            streamWindow: this.one([16_384, 65_535, 262_144]) as number,
            connectionWindow: this.one([65_535, 1_048_576]) as number,
            maxBufferedBytes: this.one([30_000, 64_000_000]) as number,
          },
        },
        backend: {
          target: "dns:///echo.test.:9000",
          retryBuffer: 2_000,
          maxPending: 10,
          idleTimeout: this.one([null, null, 500]) as number | null,
          dns: { period: 1_000, timeout: 2_000, hold: 3_000, family: "ipv4" },
        },
        dns: { exchange: (_server, bytes) => Promise.resolve(this.#answer(bytes)) },
      },
      (made) => {
        const maxConcurrentStreams = this.one([1, 3, 20, 1_000]) as number;
        for (const label of LABELS) {
          const maxHeaderListBytes = this.one([1_000, 65_536, 65_536]) as number;
          this.pods.push(made.pod(label, { ...peer, maxConcurrentStreams, maxHeaderListBytes }));
        }
      },
    );
    this.clients = [await this.world.client(peer), await this.world.client({ stallTimeout: 1e9 })];
  }

  #answer(bytes: Uint8Array): Uint8Array {
    const asked = decodeMessage(bytes);
    if ("error" in asked) throw new Error(asked.error);
    const [{ name }] = asked.value.questions;
    const answers = [...this.present].map(
      (label) => ({ kind: "A", name, ttl: 1, address: label.split(":")[0] }) as const,
    );
    const { rcode } = this;
    const response = { ...asked.value, response: true, recursionAvailable: true, rcode, edns: null };
    return encodeMessage({ ...response, answers: rcode === 0 ? answers : [], additionals: [] });
  }

  open(): Party[] {
    return this.calls.filter((call) => !call.over && !call.stream.closed);
  }

  served(): Party[] {
    return this.pods.flatMap((pod) => pod.calls).filter(({ stream }) => !stream.closed && !stream.localEnded);
  }

  /** The far ends of the gateway's connections. */
  ends(): Connection[] {
    const clients = this.clients.map(({ connection }) => connection as Connection);
    return [...this.pods.flatMap((pod) => pod.connections as Connection[]), ...clients].filter((end) => !end.over);
  }

  call(): void {
    const client = this.one(this.clients);
    if (client === undefined || client.connection.capacity === 0) return;
    const timeout = this.chance(0.3) ? ["grpc-timeout", this.one(["5m", "40m", "1S", "100S"]) as string] : [];
    const more = ["x-id", String(this.calls.length), "x-a", String(this.number(0, 5)).repeat(50)];
    const large = this.chance(0.2) ? ["x-large", "l".repeat(2_000)] : [];
    const call = client.open(requestFields([...more, ...timeout, ...large], `/test.Echo/M${this.number(0, 5)}`));
    this.calls.push(call);
    if (this.chance(0.6)) this.bodies.send(call, this.number(1, 3_000));
    if (this.chance(0.6)) this.bodies.finish(call);
    if (this.chance(0.1)) call.pause();
  }

  refuse(call: Party, code: number): void {
    if (code === ErrorCode.REFUSED_STREAM) this.#refused.add(call);
    call.reset(code);
  }

  goaway(pod: Pod, last: number): void {
    for (const end of pod.connections) {
      if (!end.over) this.#last.set(end, Math.min(last, this.#last.get(end) ?? last));
    }
    pod.goaway(last);
  }

  settings(end: Connection, ...entries: readonly (readonly [number, number])[]): void {
    end.outbound.output.settings(entries);
    end.outbound.wake();
  }

  /** Something that a peer may do and that changes nothing: PRIORITY, an unknown frame, a RST_STREAM or 1xx that comes for nothing. */
  noise(end: Connection): void {
    const { outbound } = end;
    outbound.output.frame(5, this.one([FrameType.PRIORITY, 0x42]) as number, 0, 1);
    outbound.output.bytes(new Uint8Array(5));
    outbound.wake();
    const call = this.one(this.served());
    if (call === undefined || call.stream.headSent) return;
    call.stream.connection.outbound.writeHead(call.stream.id, makeHead([":status", "103", "link", "x"]), 0);
  }

  answer(call: Party): void {
    if (!call.stream.headSent) call.sendHead([...okHead, "x-pod", "p".repeat(this.number(1, 100))]);
    this.bodies.finish(call, okTrailers);
    const { stream } = call;
    // RFC 9113 8.1: it wants no more of the request; also when there is no more.
    if (this.chance(0.3) && stream.queued === 0) stream.connection.outbound.reset(stream.id, ErrorCode.NO_ERROR);
  }

  /** Steps of which some come more often than others: each is drawn as often as it stands here. */
  readonly steps: readonly (() => unknown)[] = [
    () => this.call(),
    () => this.call(),
    () => this.#with(this.open(), (call) => this.bodies.send(call, this.number(1, 50_000))),
    () => this.#with(this.open(), (call) => this.bodies.sendPadded(call, this.number(0, 300), this.number(0, 255))),
    () => this.#with(this.open(), (call) => this.bodies.finish(call)),
    () => this.#with(this.open(), (call) => this.chance(0.5) && call.reset(this.one(RESETS) as number)),
    () => this.#with(this.open(), (call) => call.resume()),
    () => this.#with(this.served(), (call) => call.sendHead(okHead)),
    () => this.#with(this.served(), (call) => call.stream.headSent && this.bodies.send(call, this.number(1, 100_000))),
    () => this.#with(this.served(), (call) => this.bodies.sendPadded(call, this.number(0, 300), this.number(0, 255))),
    () => this.#with(this.served(), (call) => (this.chance(0.2) ? call.pause() : call.resume())),
    () => this.#with(this.served(), (call) => this.answer(call)),
    () => this.#with(this.served(), (call) => this.chance(0.5) && this.refuse(call, this.one(RESETS) as number)),
    () => this.#with(this.pods, (pod) => this.chance(0.1) && this.goaway(pod, this.number(0, 40))),
    () => this.#with(this.pods, (pod) => this.chance(0.1) && pod.connections.at(-1)?.drain()),
    () => this.#with(this.ends(), (end) => this.chance(0.3) && this.noise(end)),
    () => this.#with(this.ends(), (end) => this.settings(end, [Setting.HEADER_TABLE_SIZE, this.number(0, 300)])),
    () => this.chance(0.4) && this.#with(this.ends(), (end) => this.#window(end, this.one([0, WIDE]) as number)),
    () => {
      const end = this.one(this.pods)?.connections.at(-1);
      if (end?.over === false) this.settings(end, [Setting.MAX_CONCURRENT_STREAMS, this.number(0, 4)]);
    },
    () => {
      const upstream = this.world.net.links.filter((link) => link.open && !this.world.downstream.includes(link));
      this.#with(upstream, (link) => this.chance(0.05) && link.break());
    },
    () => {
      const at = this.number(0, LABELS.length - 1);
      const lost = { kind: this.chance(0.5) ? "refuse" : "silent" } as const;
      this.world.net.hosts.set(LABELS[at], this.chance(0.1) ? lost : this.pods[at]);
    },
    () => {
      const label = this.one(LABELS) as string;
      if (this.chance(0.3) && !this.present.delete(label)) this.present.add(label);
    },
    () => {
      if (this.chance(0.1)) this.rcode = this.one([0, 0, 2, 3] as const) ?? 0;
    },
    () => this.world.net.turn(),
    () => this.settle(),
    () => this.world.advance(this.number(1, 50)),
    () => this.chance(0.1) && this.world.advance(this.number(500, 3_000), 100),
  ];

  #with<T>(list: readonly T[], run: (one: T) => unknown): unknown {
    const one = this.one(list);
    return one === undefined ? undefined : run(one);
  }

  #window(end: Connection, size: number): Promise<void> {
    return changeWindow(end, size, () => this.world.settle());
  }

  async settle(): Promise<void> {
    await this.world.settle();
    checkWindows(this.world.net.links, this.world.downstream);
    // Every call is at a pod, waits for one, or has ended: at any time, and not only at the end.
    const { backend, outstanding } = this.world;
    expect(outstanding + backend.pending + this.#ended()).toBe(this.calls.length);
  }

  #ended(): number {
    return this.world.backend.calls.reduce((sum, count) => sum + count, 0);
  }

  /** Everybody comes to an end: readers read, the pods answer, the name is there. */
  async end(): Promise<void> {
    this.present = new Set(LABELS);
    this.rcode = 0;
    for (const [i, label] of LABELS.entries()) this.world.net.hosts.set(label, this.pods[i]);
    for (const end of this.ends()) await this.#window(end, WIDE);
    for (const pod of this.pods) {
      for (const end of pod.connections) if (!end.over) this.settings(end, [Setting.MAX_CONCURRENT_STREAMS, 100]);
    }
    for (let i = 0; i < 60 && this.open().length > 0; i++) {
      for (const call of this.open()) {
        call.resume();
        this.bodies.finish(call);
      }
      await this.settle();
      for (const call of this.pods.flatMap((pod) => pod.calls)) if (!call.stream.closed) call.resume();
      for (const call of this.served()) this.answer(call);
      await this.world.advance(1_000, 250);
    }
    await this.settle();
  }

  /** The tries of a call: nothing may come twice to pods that may have worked on it, and every body is its own. */
  checkCall(call: Party, tries: readonly Party[]): void {
    for (const one of tries) this.bodies.check(call, one, one.ended);
    const processed = tries.filter(
      (one) => !this.#refused.has(one) && !(one.stream.id > (this.#last.get(one.stream.connection) ?? Infinity)),
    );
    if (processed.length > 1) throw new Error(`${processed.length} pods may have worked on one call`);
    const from = tries.filter((one) => this.bodies.of(one).bytes > 0);
    expect(from.length).toBeLessThanOrEqual(1);
    if (from.length === 1) this.bodies.check(from[0], call, call.status.code === 0 && call.trailers !== null);
    else expect(call.size).toBe(0);
  }

  check(): void {
    const { backend, outstanding, held } = this.world;
    expect(this.open()).toEqual([]);
    const tries = this.calls.map((): Party[] => []);
    for (const one of this.pods.flatMap((pod) => pod.calls)) tries[Number(firstValue(one.fields, "x-id"))].push(one);
    for (const [id, call] of this.calls.entries()) this.checkCall(call, tries[id]);
    expect(this.#ended()).toBe(this.calls.length);
    expect({ outstanding, held, pending: backend.pending }).toEqual({ outstanding: 0, held: 0, pending: 0 });
    const errors = this.world.log.lines.filter(({ fields }) => String(fields.message).includes("internal error"));
    expect(errors).toEqual([]);
  }
}

describe("pods and clients that do whatever they may", () => {
  test("every byte comes once and in its place, no call twice to pods that work on it; windows and counts come out even", async () => {
    const random = seededRandom();
    for (let round = 0; round < 12; round++) {
      const model = new Model(random);
      await model.start();
      for (let step = 0; step < 500; step++) await model.one(model.steps)?.();
      await model.end();
      model.check();
    }
  });
});
