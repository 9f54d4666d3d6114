import { describe, expect, test } from "vitest";
import { createDnsZone, type DnsZone } from "../../src/demo/dns-server.ts";
import { decodeMessage } from "../../src/discovery/dns/decode.ts";
import { encodeMessage } from "../../src/discovery/dns/encode.ts";
import { type Message, query, RCODE, TYPE } from "../../src/discovery/dns/message.ts";

/** Asks the zone; null is silence. */
function ask(
  zone: DnsZone,
  name: string,
  type: number,
  { over = "udp", edns = true }: { over?: "udp" | "tcp"; edns?: boolean } = {},
): (Message & { readonly bytes: number }) | null {
  const bytes = zone.handle(encodeMessage(query(77, { name, type }, edns)), over);
  if (bytes === null) return null;
  const decoded = decodeMessage(bytes);
  if ("error" in decoded) throw new Error(decoded.error);
  return { ...decoded.value, bytes: bytes.length };
}

const HUNDRED = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);

describe("embedded DNS server", () => {
  test("addresses: are answered by type, with the TTL, spelt as in the question", () => {
    const zone = createDnsZone();
    zone.setAddresses("pods.demo.", ["127.0.0.2", "::1"], 3);
    expect(ask(zone, "Pods.Demo", TYPE.A)).toMatchObject({
      id: 77,
      response: true,
      authoritative: true,
      rcode: RCODE.NOERROR,
      questions: [{ name: "Pods.Demo", type: TYPE.A }],
      answers: [{ kind: "A", name: "Pods.Demo", ttl: 3, address: "127.0.0.2" }],
      edns: { udpSize: 1232 },
    });
    expect(ask(zone, "pods.demo", TYPE.AAAA)?.answers).toMatchObject([{ kind: "AAAA", address: "::1" }]);
  });

  test("zone: may change between two questions", () => {
    const zone = createDnsZone();
    zone.setAddresses("pods.demo", ["127.0.0.2"]);
    zone.setAddresses("pods.demo", ["127.0.0.3"]);
    expect(ask(zone, "pods.demo", TYPE.A)?.answers).toMatchObject([{ address: "127.0.0.3" }]);
    zone.remove("PODS.demo");
    expect(ask(zone, "pods.demo", TYPE.A)).toMatchObject({ rcode: RCODE.NXDOMAIN, answers: [] });
  });

  test.each([
    ["a name that is not there", "other.demo", TYPE.A, RCODE.NXDOMAIN],
    ["a type that the name has not", "pods.demo", TYPE.SRV, RCODE.NOERROR],
    ["a name that others are under (RFC 8020)", "demo", TYPE.A, RCODE.NOERROR],
  ])("%s: is denied with the SOA record", (_, name, type, rcode) => {
    const zone = createDnsZone();
    zone.setAddresses("pods.demo", ["127.0.0.2"]);
    expect(ask(zone, name, type)).toMatchObject({
      rcode,
      answers: [],
      authorities: [{ kind: "other", type: TYPE.SOA }],
    });
  });

  test("answer over 512 bytes: is cut without EDNS, whole with it, and cut above what EDNS allows", () => {
    const zone = createDnsZone();
    zone.setAddresses("forty.demo", HUNDRED.slice(0, 40));
    zone.setAddresses("hundred.demo", HUNDRED);
    expect(ask(zone, "forty.demo", TYPE.A, { edns: false })).toMatchObject({ truncated: true, edns: null });
    expect(ask(zone, "forty.demo", TYPE.A)).toMatchObject({ truncated: false, answers: { length: 40 } });
    const cut = ask(zone, "hundred.demo", TYPE.A);
    expect(cut).toMatchObject({ truncated: true, answers: [] });
    expect(cut?.bytes).toBeLessThan(512);
    expect(ask(zone, "hundred.demo", TYPE.A, { over: "tcp" })).toMatchObject({
      truncated: false,
      answers: { length: 100 },
    });
  });

  test("limit for UDP: holds although the client takes more", () => {
    const zone = createDnsZone(512);
    zone.setAddresses("forty.demo", HUNDRED.slice(0, 40));
    expect(ask(zone, "forty.demo", TYPE.A)?.truncated).toBe(true);
  });

  test("SRV: brings the targets' addresses along where they fit", () => {
    const zone = createDnsZone();
    const service = { kind: "SRV", name: "_grpc._tcp.demo", ttl: 5, priority: 0, weight: 0, port: 9001 } as const;
    zone.setRecords("_grpc._tcp.demo", [{ ...service, target: "pod.demo" }]);
    zone.setAddresses("pod.demo", ["127.0.0.2"]);
    expect(ask(zone, "_grpc._tcp.demo", TYPE.SRV)?.additionals).toMatchObject([{ kind: "A", address: "127.0.0.2" }]);
    zone.setAddresses("pod.demo", HUNDRED);
    expect(ask(zone, "_grpc._tcp.demo", TYPE.SRV)).toMatchObject({
      truncated: false,
      answers: { length: 1 },
      additionals: [],
    });
  });

  test("behaviour: for all names or for one, and back", () => {
    const zone = createDnsZone();
    zone.setAddresses("pods.demo", ["127.0.0.2"]);
    zone.setAddresses("other.demo", ["127.0.0.3"]);
    const outcome = (name: string) => ask(zone, name, TYPE.A)?.rcode;
    zone.behave("servfail");
    zone.behave("refused", "other.demo");
    expect([outcome("pods.demo"), outcome("other.demo")]).toEqual([RCODE.SERVFAIL, RCODE.REFUSED]);
    zone.behave("nxdomain");
    zone.behave(null, "other.demo");
    expect([outcome("pods.demo"), outcome("other.demo")]).toEqual([RCODE.NXDOMAIN, RCODE.NXDOMAIN]);
    zone.behave("empty");
    expect(ask(zone, "pods.demo", TYPE.A)).toMatchObject({ rcode: RCODE.NOERROR, answers: [] });
    zone.behave("silent");
    expect(ask(zone, "pods.demo", TYPE.A)).toBeNull();
    zone.behave("garbage");
    expect(() => ask(zone, "pods.demo", TYPE.A)).toThrow(/malformed/);
    zone.behave("normal");
    expect(ask(zone, "pods.demo", TYPE.A)?.answers.length).toBe(1);
    expect(zone.queries).toBe(8);
  });

  test("what is no query: is not answered, or with an error", () => {
    const zone = createDnsZone();
    const asked = query(1, { name: "a", type: TYPE.A }, false);
    expect(zone.handle(Uint8Array.of(1, 2, 3), "udp")).toBeNull();
    expect(zone.handle(encodeMessage({ ...asked, response: true }), "udp")).toBeNull();
    const rcode = (message: Message) => (zone.handle(encodeMessage(message), "udp")?.[3] ?? -1) & 0xf;
    expect(rcode({ ...asked, opcode: 4 })).toBe(RCODE.NOTIMP);
    expect(rcode({ ...asked, questions: [] })).toBe(RCODE.FORMERR);
  });

  test("text that is no address: is refused when it is set", () => {
    expect(() => createDnsZone().setAddresses("pods.demo", ["127.0.0.256"])).toThrow(/127\.0\.0\.256/);
  });
});
