import { describe, expect, test } from "vitest";
import { createCallLog, quantile } from "../../src/demo/call-log.ts";

describe("call log", () => {
  test("latencies: only those of the asked time; calls: all of them", () => {
    const log = createCallLog();
    log.ended("pod-1", 100, 900);
    log.ended("pod-1", 200, 20);
    log.ended("pod-1", 300, 30);
    expect(log.pod("pod-1", 200)).toEqual({ calls: 3, p50: 20, p99: 30 });
    expect(log.pod("pod-1", 0)).toEqual({ calls: 3, p50: 30, p99: 900 });
    expect(log.pod("pod-1", 301)).toEqual({ calls: 3, p50: null, p99: null });
  });

  test("total: over all pods, in order of size and not of arrival", () => {
    const log = createCallLog();
    log.ended("pod-2", 1, 30);
    log.ended("pod-1", 2, 10);
    log.ended("pod-2", 3, 20);
    expect(log.total(0)).toEqual({ calls: 3, p50: 20, p99: 30 });
    expect(log.pods()).toEqual(["pod-2", "pod-1"]);
  });

  test("a pod that answered nothing: zero calls and no latency", () => {
    expect(createCallLog().pod("pod-1", 0)).toEqual({ calls: 0, p50: null, p99: null });
  });

  test("a phase: calls that ended before its end", () => {
    const log = createCallLog();
    for (const at of [1, 2, 3]) log.ended("pod-1", at, 1);
    expect(log.callsBefore("pod-1", 3)).toBe(2);
    expect(log.callsBefore("pod-2", 3)).toBe(0);
  });

  test("memory: old samples go, the count stays", () => {
    const log = createCallLog();
    for (let i = 0; i < 30_000; i++) log.ended("pod-1", i, i);
    expect(log.pod("pod-1", 0).calls).toBe(30_000);
    expect(log.callsBefore("pod-1", Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(20_000);
  });

  test.each([
    [[], 0.5, null],
    [[7], 0.99, 7],
    [[1, 2, 3, 4], 0.5, 2],
    [[1, 2, 3, 4, 5], 0.5, 3],
    [Array.from({ length: 100 }, (_, i) => i + 1), 0.99, 99],
    [[1, 2], 0, 1],
  ])("quantile: nearest rank of %j at %d is %s", (sorted, q, value) => {
    expect(quantile(sorted, q)).toBe(value);
  });
});
