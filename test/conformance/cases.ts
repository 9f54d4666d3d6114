import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** What a case is about, from its name: `Errors/HTTPVersion:2/Protocol:PROTOCOL_GRPC/.../TLS:false/unary/error`. */
export interface CaseKind {
  readonly suite: string;
  /** The name without the suite and what is told below. */
  readonly tail: string;
  readonly protocol: string;
  readonly http: string;
  readonly codec: string;
  readonly compression: string;
  readonly tls: "plaintext" | "TLS" | "client certificate";
  /** By the suite's grpc-go client or server, and not by its connect-go one. */
  readonly grpcGo: boolean;
}

interface Suite {
  readonly name: string;
  readonly relevantProtocols?: readonly string[];
  readonly relevantHttpVersions?: readonly string[];
  readonly relevantCodecs?: readonly string[];
  readonly relevantCompressions?: readonly string[];
  readonly reliesOnTlsClientCerts?: boolean;
}

export type ReadKind = (name: string) => CaseKind;

/** A name leaves out what its suite has one value of, so the suites' definitions are needed. @param folder of YAML files */
export function createKindReader(folder: string): ReadKind {
  const suites = new Map<string, Suite>();
  for (const file of readdirSync(folder)) {
    const suite = parse(readFileSync(join(folder, file), "utf8")) as Suite;
    suites.set(suite.name, suite);
  }
  return (name) => {
    const parts = name.split("/");
    const suite = suites.get(parts[0]) ?? { name: parts[0] };
    const dimensions = new Map<string, string>();
    const tail: string[] = [];
    for (const part of parts.slice(1)) {
      const match = /^(HTTPVersion|Protocol|Codec|Compression|TLS):(.*)$/.exec(part);
      if (match === null) tail.push(part);
      else dimensions.set(match[1], match[2]);
    }
    const only = (values: readonly string[] | undefined): string => (values?.length === 1 ? values[0] : "?");
    const plain = (value: string): string =>
      value.replace(/^(PROTOCOL|CODEC|COMPRESSION|HTTP_VERSION)_/, "").toLowerCase();
    return {
      suite: suite.name,
      tail: tail.filter((part) => !part.startsWith("(grpc ")).join("/"),
      protocol: plain(dimensions.get("Protocol") ?? only(suite.relevantProtocols)).replace("_", "-"),
      http: plain(dimensions.get("HTTPVersion") ?? only(suite.relevantHttpVersions)),
      codec: plain(dimensions.get("Codec") ?? only(suite.relevantCodecs)),
      compression: plain(dimensions.get("Compression") ?? only(suite.relevantCompressions)),
      tls: suite.reliesOnTlsClientCerts ? "client certificate" : dimensions.get("TLS") === "true" ? "TLS" : "plaintext",
      grpcGo: tail.some((part) => part.startsWith("(grpc ")),
    };
  };
}
