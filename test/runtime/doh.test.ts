import { describe, expect, test } from "vitest";
import { ask } from "../../src/discovery/dns/ask.ts";
import { TYPE } from "../../src/discovery/dns/message.ts";
import { createDohTransport } from "../../src/runtime/doh.ts";

const URL_OF_RESOLVER = "https://resolver.example/dns-query";
const question = new Uint8Array([0x12, 0x34, 1, 0]);
const over = { over: "udp", timeoutMs: 1_000 } as const;
const none = { host: "127.0.0.1", port: 53 };

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly type: string;
  readonly body: number[];
}

function transport(answer: (sent: Sent) => Response | Promise<Response>) {
  const sent: Sent[] = [];
  const fake = (async (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    const asked = {
      url,
      method: init.method ?? "GET",
      type: headers.get("content-type") ?? "",
      body: [...(init.body as Uint8Array)],
    };
    sent.push(asked);
    return answer(asked);
  }) as typeof fetch;
  return { sent, dns: createDohTransport({ url: URL_OF_RESOLVER, anyServer: "127.0.0.1", fetch: fake }) };
}

function message(bytes: readonly number[], status = 200, type = "application/dns-message"): Response {
  return new Response(new Uint8Array(bytes), { status, headers: { "content-type": type } });
}

describe("dns over https", () => {
  test("a query: POST of the message with the ID 0, and the answer gets the query's ID", async () => {
    const { sent, dns } = transport(() => message([0, 0, 0x81, 0x80]));
    expect(await dns.exchange(none, question, over)).toEqual(new Uint8Array([0x12, 0x34, 0x81, 0x80]));
    expect(sent).toEqual([
      { url: URL_OF_RESOLVER, method: "POST", type: "application/dns-message", body: [0, 0, 1, 0] },
    ]);
    expect(question[0]).toBe(0x12);
  });

  test("a server that the target names is asked itself", async () => {
    const { sent, dns } = transport(() => message([0, 0, 0, 0]));
    await dns.exchange({ host: "9.9.9.9", port: 53 }, question, over);
    await dns.exchange({ host: "2620:fe::fe", port: 8443 }, question, over);
    expect(sent.map(({ url }) => url)).toEqual(["https://9.9.9.9/dns-query", "https://[2620:fe::fe]:8443/dns-query"]);
  });

  test.each([
    [() => message([], 503), /HTTP status 503/],
    [() => message([0, 0, 0, 0], 200, "text/html"), /content-type text\/html/],
    [() => message([0]), /1 bytes/],
    [() => Promise.reject(new TypeError("fetch failed")), /fetch failed/],
    [() => Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") })), /ECONNREFUSED/],
  ])("what is no answer is told with the resolver's address: %#", async (answer, what) => {
    const { dns } = transport(answer);
    await expect(dns.exchange(none, question, over)).rejects.toThrow(what);
    await expect(dns.exchange(none, question, over)).rejects.toThrow(URL_OF_RESOLVER);
  });

  test("errors name the URL that was asked, and not the server that stands for none", async () => {
    const { dns } = transport(() => message([0, 0, 0, 0]));
    const question = { name: "pods.example", type: TYPE.A };
    const answer = await ask(dns, () => 0, { list: [none], timeout: 1_000, attempts: 1, tcpOnly: false }, question);
    expect(answer).toMatchObject({
      reason: expect.stringMatching(`^dns over https ${URL_OF_RESOLVER} answered garbage`),
    });
    expect(dns.nameOf?.({ host: "9.9.9.9", port: 53 })).toBe("dns over https https://9.9.9.9/dns-query");
  });

  test("an answer without end is given up at the length of the longest message", async () => {
    let sent = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 16_384;
        controller.enqueue(new Uint8Array(16_384));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    const headers = { "content-type": "application/dns-message" };
    const { dns } = transport(() => new Response(endless, { headers }));
    await expect(dns.exchange(none, question, over)).rejects.toThrow(/more than 65535 bytes/);
    expect(cancelled).toBe(true);
    expect(sent).toBeLessThan(120_000);
  });

  test.each([
    [503, "application/dns-message"],
    [200, "text/html"],
  ])("what is not read of an answer is cancelled: %d %s", async (status, type) => {
    let cancelled = false;
    const page = new ReadableStream<Uint8Array>({
      cancel: () => {
        cancelled = true;
      },
    });
    const { dns } = transport(() => new Response(page, { status, headers: { "content-type": type } }));
    await expect(dns.exchange(none, question, over)).rejects.toThrow();
    expect(cancelled).toBe(true);
  });

  test("a time-out has the name that the resolver looks for", async () => {
    const { dns } = transport(() => Promise.reject(new DOMException("too late", "TimeoutError")));
    await expect(dns.exchange(none, question, over)).rejects.toMatchObject({
      name: "TimeoutError",
      message: `dns over https ${URL_OF_RESOLVER}: no answer within 1000 ms`,
    });
  });
});
