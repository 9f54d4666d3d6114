import { describe, expect, test } from "vitest";
import { ConnectionAges } from "../../src/connection-ages.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { message } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { listenerSettings } from "./support/settings.ts";
import { startTriple } from "./support/world.ts";

describe("connection ages", () => {
  /** @param draws what the jitter draws, in turn */
  function createAges(maxAge: number, draws: readonly number[]) {
    let turn = 0;
    const ages = new ConnectionAges(maxAge, () => draws[turn++ % draws.length], collectingLog());
    const retired: string[] = [];
    const add = (name: string) => {
      const connection = { retire: () => retired.push(name) };
      return { count: ages.add(connection), leave: () => ages.delete(connection) };
    };
    return { ages, retired, add };
  }

  test("each is retired once, at its age give or take a tenth, whatever order that makes", () => {
    const { ages, retired, add } = createAges(10_000, [1, 0, 0.5]);
    add("at 11");
    add("at 9");
    ages.sweep(1_000);
    add("at 11, too");
    ages.sweep(7_000);
    expect(retired).toEqual([]);
    ages.sweep(1_000);
    expect(retired).toEqual(["at 9"]);
    ages.sweep(1_000);
    expect(retired).toEqual(["at 9"]);
    ages.sweep(1_000);
    expect(retired).toEqual(["at 9", "at 11", "at 11, too"]);
    ages.sweep(100_000);
    expect(retired).toHaveLength(3);
  });

  test("one that has gone is left alone, and the last one says so", () => {
    const { ages, retired, add } = createAges(10_000, [0.5]);
    const one = add("one");
    const other = add("other");
    expect([one.count, other.count]).toEqual([1, 2]);
    expect(one.leave()).toBe(1);
    ages.sweep(20_000);
    expect(retired).toEqual(["other"]);
    expect(other.leave()).toBe(0);
  });
});

describe("a listener's maxConnectionAge", () => {
  test("GOAWAY comes at that age; open calls have their time, and new ones are taken until the client has heard", async () => {
    const settings = { listeners: [listenerSettings({ maxConnectionAge: 10_000 })] };
    const { world, pod, client } = await startTriple({ settings });
    const open = client.open().send(message(1));
    await world.advance(8_000, 1_000);
    expect(client.link.fromServer.goaways()).toEqual([]);
    const late = await world.client();
    await world.advance(4_000, 1_000);
    expect(client.link.fromServer.goaways()).toEqual([
      { last: 0x7fffffff, code: 0 },
      { last: open.stream.id, code: 0 },
    ]);
    expect(late.link.fromServer.goaways()).toEqual([]);
    await world.advance(60_000, 1_000);
    expect(open.over).toBe(false);
    open.finish();
    await world.settle();
    answerOk(pod.calls[0], message(2));
    await world.settle();
    expect(open.status.code).toBe(0);
    expect(world.gateway.view.state()).toBe("ready");
  });

  test("none is set: a connection is kept", async () => {
    const { world, client } = await startTriple();
    await world.advance(3_600_000, 1_000);
    expect(client.link.fromServer.goaways()).toEqual([]);
  });
});
