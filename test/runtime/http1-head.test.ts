import http from "node:http";
import { expect, test } from "vitest";
import { createTestMachine, track } from "../support/harness.ts";
import { recordingHandler } from "../support/recording-handler.ts";

/** The status of a request with so many bytes in one header; 0 when the connection broke instead. */
function statusOf(port: number, bytes: number): Promise<number> {
  return new Promise((resolve) => {
    const headers = { "x-large": "v".repeat(bytes), connection: "close" };
    const request = http.request({ port, host: "127.0.0.1", headers }, (response) => {
      response.resume().once("close", () => resolve(response.statusCode ?? 0));
    });
    request.once("error", () => resolve(0));
    request.end();
  });
}

test("HTTP/1.1 head: gets to the acceptor up to maxHeadBytes, and no further", async () => {
  const lengths: number[] = [];
  const { port } = track(
    await createTestMachine().listen(
      { host: "127.0.0.1", port: 0, maxHeadBytes: 131_072 },
      {
        http2: () => recordingHandler(),
        http1: (request) => {
          lengths.push(request.headers.get("x-large")?.length ?? 0);
          return new Response(null, { status: 204 });
        },
      },
    ),
  );
  expect(await statusOf(port, 130_000)).toBe(204);
  expect([431, 0]).toContain(await statusOf(port, 140_000));
  expect(lengths).toEqual([130_000]);
});
