import { expect } from "vitest";
import { ErrorCode } from "../../../src/http2/error-code.ts";
import * as f from "./frames.ts";

/** Bytes of every frame that a stream can get, for stream 1. */
export const frames = {
  DATA: f.data(1, "x"),
  "DATA with END_STREAM": f.data(1, "x", { end: true }),
  HEADERS: f.headers(1, ["late", "1"]),
  "HEADERS with END_STREAM": f.headers(1, ["late", "1"], { end: true }),
  RST_STREAM: f.reset(1, ErrorCode.CANCEL),
  WINDOW_UPDATE: f.windowUpdate(1, 100),
  PRIORITY: f.priority(1, 0),
};
export type FrameName = keyof typeof frames;

/** What the RFC and we make of a frame: nothing (""), RST_STREAM or GOAWAY with a code. */
export type Outcome = "" | `RST_STREAM 1 ${string}` | `GOAWAY ${string}`;

export function expectOutcome(sent: readonly string[], outcome: Outcome): void {
  const got = sent.filter((line) => !line.startsWith("HEADERS")).map((line) => line.replace(/:.*/, ""));
  expect(got).toEqual(outcome === "" ? [] : [outcome]);
}
