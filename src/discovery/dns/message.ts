/** DNS messages as values (RFC 1035 4, with 3596 AAAA, 2782 SRV and 6891 EDNS). Names are in the text form of name.ts. */

export const TYPE = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, OPT: 41 } as const;

export const CLASS_IN = 1;

/** RFC 1035 4.1.1; BADVERS is RFC 6891 9. */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

export function rcodeText(rcode: number): string {
  return Object.entries(RCODE).find(([, code]) => code === rcode)?.[0] ?? `RCODE${rcode}`;
}

export interface Question {
  readonly name: string;
  readonly type: number;
}

/** Class IN always; records of other classes are `other`. `ttl` is in seconds. */
export type DnsRecord =
  | { readonly kind: "A"; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly kind: "AAAA"; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly kind: "CNAME"; readonly name: string; readonly ttl: number; readonly target: string }
  | {
      readonly kind: "SRV";
      readonly name: string;
      readonly ttl: number;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly kind: "other";
      readonly name: string;
      readonly ttl: number;
      readonly type: number;
      readonly class: number;
      /** As on the wire; names in it may be compressed against the message that it came from. */
      readonly data: Uint8Array;
    };

export interface Message {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  /** In a decoded message the record sections are empty then: RFC 2181 9 says to ignore them and to ask again over TCP. */
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** With the upper bits of the OPT record where there is one (RFC 6891 6.1.3). */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly DnsRecord[];
  /** What the sender can take over UDP, bytes; null without EDNS. */
  readonly edns: { readonly udpSize: number } | null;
}

/**
 * What we offer to take over UDP. 1232 = 1280 (the least MTU of IPv6) - 40 - 8: never fragmented on any path, and what
 * the DNS servers' authors agreed on at DNS flag day 2020.
 */
export const UDP_SIZE = 1232;

/** RFC 1035 4.2.1: what every server must be able to send and every client to take over UDP. */
export const PLAIN_UDP_SIZE = 512;

/** A recursive query for one question. */
export function query(id: number, question: Question, edns: boolean): Message {
  return {
    id,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    rcode: RCODE.NOERROR,
    questions: [question],
    answers: [],
    authorities: [],
    additionals: [],
    edns: edns ? { udpSize: UDP_SIZE } : null,
  };
}
