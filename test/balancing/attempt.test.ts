import { describe, expect, test } from "vitest";
import { Attempt, type AttemptOwner } from "../../src/balancing/attempt.ts";
import type { Backend } from "../../src/balancing/backend.ts";
import type { Endpoint } from "../../src/balancing/endpoint.ts";
import type { Head } from "../../src/http2/receiver.ts";
import { FakeClock } from "../support/fake-clock.ts";

const head: Head = { fields: [":status", "200"], neverIndexed: null, memo: undefined };
const byte = new Uint8Array(1);

/** An attempt whose backend writes down the dones. */
function makeAttempt() {
  const clock = new FakeClock();
  clock.advance(1_000);
  const done: (readonly [elapsed: number, fault: boolean])[] = [];
  const withdrawn: unknown[] = [];
  const told: string[] = [];
  const owner: AttemptOwner = {
    opened() {},
    responseHead() {},
    responseData() {},
    responseEnd() {},
    failed: (_attempt, { message, unprocessed }) => void told.push(`failed: ${message}, ${unprocessed}`),
    gaveUp: (_attempt, code, message) => void told.push(`gave up: ${code} ${message}`),
  };
  const backend = {
    done: (_endpoint: unknown, path: string, elapsed: number, fault: boolean) => {
      expect(path).toBe("/a/b");
      done.push([elapsed, fault]);
    },
  } as unknown as Backend;
  const requests: unknown[] = [];
  const place = {
    label: "10.0.0.1:9000",
    draining: false,
    generation: 3,
    withdraw: (waiter: unknown) => void withdrawn.push(waiter),
    request: (waiter: unknown) => void requests.push(waiter),
  };
  const endpoint = place as unknown as Endpoint;
  const attempt = new Attempt(owner, backend, endpoint, "/a/b", clock);
  return { clock, attempt, done, withdrawn, requests, told, place };
}

describe("attempt", () => {
  test("unary: its time is to the end of the answer", () => {
    const { clock, attempt, done } = makeAttempt();
    clock.advance(10);
    attempt.head(head);
    clock.advance(5);
    attempt.data(byte, 0, 1);
    clock.advance(3);
    attempt.answered(false);
    expect(done).toEqual([[18, false]]);
  });

  test("stream: its time is to the head, however long it goes on", () => {
    const { clock, attempt, done } = makeAttempt();
    clock.advance(10);
    attempt.head(head);
    for (let i = 0; i < 5; i++) {
      clock.advance(1_000);
      attempt.data(byte, 0, 1);
    }
    attempt.answered(false);
    expect(done).toEqual([[10, false]]);
  });

  test("trailers-only: its time is to the head", () => {
    const { clock, attempt, done } = makeAttempt();
    clock.advance(7);
    attempt.head(head);
    attempt.answered(true);
    expect(done).toEqual([[7, true]]);
  });

  test("failed: a fault, after the time that it took", () => {
    const { clock, attempt, done } = makeAttempt();
    clock.advance(7);
    attempt.faulted();
    expect(done).toEqual([[7, true]]);
  });

  test("withdrawn: says nothing of the pod", () => {
    const { clock, attempt, done } = makeAttempt();
    clock.advance(7);
    attempt.withdrawn();
    expect(done).toEqual([[-1, false]]);
  });

  test("done exactly once, whatever comes after whatever", () => {
    const ends = ["answered", "faulted", "withdrawn"] as const;
    for (const first of ends) {
      for (const second of ends) {
        const { attempt, done } = makeAttempt();
        attempt[first](false);
        attempt[second](false);
        expect(done).toHaveLength(1);
      }
    }
  });

  test("cancelled before it has a stream: leaves the endpoint's queue", () => {
    const { attempt, withdrawn } = makeAttempt();
    attempt.cancel(8, "");
    expect(withdrawn).toEqual([attempt]);
  });

  test("prepared for a pod that has left meanwhile: is refused, so that it goes elsewhere", () => {
    const { attempt, requests, told, place } = makeAttempt();
    place.draining = true;
    attempt.request(3);
    expect(requests).toEqual([]);
    expect(told).toEqual(["failed: 10.0.0.1:9000 has left the backend, true"]);
  });

  test("prepared for a pod whose place another has taken: is refused when its stream would be opened", () => {
    const { attempt, requests, told, place } = makeAttempt();
    attempt.request(3);
    expect(requests).toEqual([attempt]);
    place.generation = 4;
    attempt.opened({} as never);
    expect(told).toEqual(["failed: the pod was replaced while the call was prepared, true"]);
  });

  test("prepared after its call had ended: asks for nothing", () => {
    const { attempt, requests } = makeAttempt();
    attempt.withdrawn();
    attempt.request(-1);
    expect(requests).toEqual([]);
  });

  test("given up: leaves the queue, is done, and its call hears why; once", () => {
    const { attempt, done, told, withdrawn } = makeAttempt();
    attempt.giveUp(13, "not translatable", true);
    attempt.giveUp(13, "again", true);
    expect(withdrawn).toEqual([attempt]);
    expect(done).toEqual([[0, true]]);
    expect(told).toEqual(["gave up: 13 not translatable"]);
  });
});
