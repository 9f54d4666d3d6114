import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { bits, explicit, implicit, integer, octets, oid, sequence, set, utcTime, utf8, yes } from "./der.ts";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of one test: made at run time, so that no key lies in the repository and nothing expires. */
export interface Authority extends Certificate {
  /**
   * Issues a certificate, for servers and clients alike.
   * @param names DNS names and IP addresses it stands for; the first is its common name too
   */
  issue(names: readonly string[]): Certificate;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

/** X.509 (RFC 5280) by hand: Node can read certificates but not make them, and `openssl` is not everywhere. */
export function createAuthority(name = "test authority"): Authority {
  const keys = newKeys();
  const cert = certificate(name, keys, name, keys, [
    // RFC 5280 4.2.1.9: cA TRUE, critical.
    extension("2.5.29.19", true, sequence(yes)),
  ]);
  return {
    cert,
    key: pemKey(keys),
    issue: (names) => {
      const leaf = newKeys();
      const san = extension("2.5.29.17", false, sequence(...names.map(generalName)));
      return { cert: certificate(name, keys, names[0], leaf, [san]), key: pemKey(leaf) };
    },
  };
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function newKeys(): Keys {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pemKey(keys: Keys): string {
  return keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function certificate(
  issuer: string,
  issuerKeys: Keys,
  subject: string,
  subjectKeys: Keys,
  extensions: readonly Uint8Array[],
): string {
  const now = Date.now();
  const tbs = sequence(
    // Version 3 is encoded as 2.
    explicit(0, integer(Uint8Array.of(2))),
    integer(Buffer.concat([Uint8Array.of(1), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    sequence(utcTime(new Date(now - DAY_MS)), utcTime(new Date(now + DAY_MS))),
    distinguishedName(subject),
    new Uint8Array(subjectKeys.publicKey.export({ type: "spki", format: "der" })),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign("sha256", tbs, issuerKeys.privateKey);
  const whole = Buffer.from(sequence(tbs, ECDSA_WITH_SHA256, bits(signature))).toString("base64");
  const lines = whole.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** One common name. */
function distinguishedName(name: string): Uint8Array {
  return sequence(set(sequence(oid("2.5.4.3"), utf8(name))));
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [yes] : []), octets(value));
}

/** RFC 5280 4.2.1.6: dNSName [2], iPAddress [7]. */
function generalName(name: string): Uint8Array {
  if (isIPv4(name)) return implicit(7, Uint8Array.from(name.split(".").map(Number)));
  if (name === "::1") return implicit(7, Buffer.concat([Buffer.alloc(15), Uint8Array.of(1)]));
  if (isIPv6(name)) throw new Error(`${name}: no IPv6 address but ::1 is needed in tests`);
  return implicit(2, Buffer.from(name, "latin1"));
}
