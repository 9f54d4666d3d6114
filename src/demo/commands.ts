/** Where the parts of a demo that goes on running can be reached. */
export interface Reach {
  /** `host:port` each. */
  readonly gateway: string;
  readonly admin: string | null;
  /** The server, the name of the pods, and the type of its records. */
  readonly dns: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly type: "A" | "SRV";
  };
  /** One that is still running. */
  readonly pod: string;
}

/** Commands to try while the demo is left running, as lines. */
export function renderCommands(reach: Reach): string[] {
  const service = "fairlead.demo.v1.EchoService";
  const grpcurl = "grpcurl -plaintext -import-path proto -proto fairlead/demo/v1/echo.proto";
  const commands: readonly (readonly [what: string, command: string])[] = [
    ["a call, and who answers", `${grpcurl} -d '{"text":"hello"}' ${reach.gateway} ${service}/Echo`],
    ["the same in JSON", `curl -s http://${reach.gateway}/${service}/Echo --json '{"text":"hello"}'`],
    ["a stream of answers", `${grpcurl} -d '{"text":"hello","times":5}' ${reach.gateway} ${service}/Repeat`],
    ["the same past the gateway, always the same pod", `${grpcurl} -d '{"text":"hello"}' ${reach.pod} ${service}/Echo`],
    [
      "a call by hand: five zero bytes are an empty message",
      `printf '\\0\\0\\0\\0\\0' | curl -s --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' ` +
        `--data-binary @- http://${reach.gateway}/${service}/Echo -D - -o - | cat -v`,
    ],
    ["what DNS says", `dig +short @${reach.dns.host} -p ${reach.dns.port} ${reach.dns.name} ${reach.dns.type}`],
    ...(reach.admin === null
      ? []
      : ([
          ["outstanding calls by pod", `curl -s http://${reach.admin}/metrics | grep outstanding`],
          ["is it ready", `curl -i http://${reach.admin}/readyz`],
        ] as const)),
  ];
  return commands.flatMap(([what, command]) => [`  # ${what}`, `  ${command}`]);
}
