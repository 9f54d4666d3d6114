import { describe, expect, test } from "vitest";
import { helpText } from "../../src/config/flags.ts";
import { loadText } from "../../src/config/load.ts";
import { access, command, flagProblems } from "./load.ts";

describe("the command line", () => {
  test.each([
    ["--help", { kind: "help" }],
    ["-h", { kind: "help" }],
    ["help", { kind: "help" }],
    ["--lsten x --help", { kind: "help" }],
    ["--version", { kind: "version" }],
    ["-V", { kind: "version" }],
    ["demo", { kind: "demo", keep: false }],
    ["demo --keep", { kind: "demo", keep: true }],
    ["--keep demo", { kind: "demo", keep: true }],
    ["--config f.yaml", { kind: "run", source: { file: "f.yaml", given: [] } }],
    ["-c f.yaml", { kind: "run", source: { file: "f.yaml", given: [] } }],
    ["check --config=f.yaml", { kind: "check", source: { file: "f.yaml", given: [] } }],
    [
      "check dns:///echo",
      {
        kind: "check",
        source: { file: null, given: [{ path: "backends[].target", value: "dns:///echo", flag: "TARGET" }] },
      },
    ],
    [
      "-- dns:///echo",
      {
        kind: "run",
        source: { file: null, given: [{ path: "backends[].target", value: "dns:///echo", flag: "TARGET" }] },
      },
    ],
  ])("%s", (line, wanted) => {
    expect(command(...line.split(" "))).toEqual(wanted);
  });

  test.each([
    [
      "",
      "TARGET: is missing; say where the pods are, such as dns:///my-service:50051, or use --config; --help says more",
    ],
    [
      "check",
      "TARGET: is missing; say where the pods are, such as dns:///my-service:50051, or use --config; --help says more",
    ],
    ["--lsten :80 dns:///e", "--lsten: is unknown; did you mean --listen?"],
    ["-x dns:///e", "-x: is unknown; --help lists the flags"],
    ["--log-level", "--log-level: needs a value: --log-level NAME"],
    ["--log-level --access-log dns:///e", "--log-level: needs a value: --log-level NAME"],
    ["--policy= dns:///e", "--policy: needs a value: --policy NAME"],
    ["--access-log=yes dns:///e", "--access-log: takes no value"],
    ["--policy random --policy p2c dns:///e", "--policy: is given more than once; remove one of them"],
    ["a:1 b:1", "TARGET: is given more than once; write several addresses as one: ipv4:a:port,b:port"],
    ["--keep dns:///e", "--keep: goes with `fairlead demo` only"],
    ["demo --listen :80", "--listen: does not go with `fairlead demo`"],
    ["demo dns:///e", "TARGET: does not go with `fairlead demo`"],
    ["--config f.yaml dns:///e", "TARGET: does not go with --config; write it into the file: backends[].target"],
    ["--config f.yaml --ties random", "--ties: does not go with --config; write it into the file: backends[].ties"],
    ["--listen 80 dns:///e", '--listen: "80" is not HOST:PORT; write it like :80'],
    ["--listen localhost dns:///e", '--listen: "localhost" is not HOST:PORT; write it like localhost:8080'],
    ["--listen ::1:80 dns:///e", '--listen: "::1:80" is not HOST:PORT; write it like [::1]:8080'],
    ["--listen :99999 dns:///e", "--listen: 99999 is out of range; it must be 0 to 65535"],
    ["--admin none dns:///e", '--admin: "none" is not HOST:PORT; write it like none:8080'],
    ["--admin 0.0.0.0:8080 dns:///e", "--listen: 0.0.0.0:8080 is taken by admin (0.0.0.0:8080); choose another port"],
    ["--tls-cert /tls/cert.pem dns:///e", "--tls-key: is missing; name the PEM file of the certificate's private key"],
    [
      "--client-ca /tls/cert.pem dns:///e",
      "--tls-cert: is missing; name the PEM file of the certificate",
      "--tls-key: is missing; name the PEM file of the certificate's private key",
    ],
    [
      "--listen :1 --listen :2 --tls-cert no.pem --tls-key /tls/key.pem dns:///e",
      '--tls-cert: "no.pem" cannot be read: no such file or directory',
    ],
    [
      "--policy fair dns:///e",
      '--policy: "fair" is unknown; it must be one of least_outstanding, round_robin, p2c, random',
    ],
    ["--dns-period 5 dns:///e", '--dns-period: "5" is not a duration; did you mean 5s?'],
    ["--json on dns:///e", '--json: "on" is unknown; it must be one of auto, passthrough, transcode, off'],
    ["--descriptor-set no.binpb dns:///e", '--descriptor-set: "no.binpb" cannot be read: no such file or directory'],
    [
      "--connect-get a.B/C --connect-get C --cors-origin https://a.example/x dns:///e",
      '--cors-origin: "https://a.example/x" is not allowed here; it must be scheme and host without a path, such as https://app.example.com or https://*.example.com, or `*`',
      '--connect-get: "C" is not allowed here; it must be `package.Service/Method`, `package.Service/*` or `*`',
    ],
    [
      "--config f.yaml --cors-origin https://a.example",
      "--cors-origin: does not go with --config; write it into the file: listeners[].cors.allowOrigins[]",
    ],
    ["http://e", 'TARGET: "http://e": is a URL; write dns:///e'],
    [
      "--dns-period 5 --log-level loud http://e",
      '--dns-period: "5" is not a duration; did you mean 5s?',
      '--log-level: "loud" is unknown; it must be one of debug, info, warn, error',
      'TARGET: "http://e": is a URL; write dns:///e',
    ],
  ])("%s: told in one line each", async (line, ...told) => {
    expect(await flagProblems(...line.split(" ").filter((word) => word !== ""))).toEqual(told);
  });

  test("beside a file: flags take the place of what it says", async () => {
    const parsed = command(
      ..."--config f.yaml --log-level debug --admin :9000 --drain-delay 0s --access-log".split(" "),
    );
    if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
    const text =
      "backends: [{ target: 'dns:///e' }]\nlog: { level: error, format: json }\nadmin: { address: '::1', port: 1 }\n";
    const loaded = await loadText("f.yaml", text, parsed.source.given, access);
    expect("settings" in loaded && loaded.settings).toMatchObject({
      log: { level: "debug", format: "json", access: true },
      admin: { host: "::1", port: 9000 },
      drainDelay: 0,
      drainTimeout: 20_000,
    });
  });

  test("beside a file with an alias: the flag counts, and what the alias stands for stays as it is", async () => {
    const parsed = command("--config", "f.yaml", "--drain-timeout", "9s");
    if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
    const text = "backends: [{ target: 'dns:///e', dns: &times { timeout: 3s } }]\ndrain: *times\n";
    const loaded = await loadText("f.yaml", text, parsed.source.given, access);
    expect("settings" in loaded && loaded.settings).toMatchObject({
      backends: [{ dns: { timeout: 3_000 } }],
      drainTimeout: 9_000,
    });
  });

  test("beside a file: what is wrong with a flag is told by its name, what is wrong with the file by its line", async () => {
    const parsed = command("--config", "f.yaml", "--log-level", "loud", "--drain-delay", "5");
    if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
    const text = "backends: [{ target: 'dns:///e' }]\nlog: { format: x }\ndrain: 5s\n";
    const loaded = await loadText("f.yaml", text, parsed.source.given, access);
    expect("problems" in loaded && loaded.problems.map(({ where }) => where)).toEqual([
      "--log-level",
      "f.yaml:2:16: log.format",
      "f.yaml:3:8: drain",
    ]);
  });

  test("--help: fits a wide terminal and names every default", () => {
    for (const line of helpText().split("\n")) expect(line.length).toBeLessThanOrEqual(130);
    expect(helpText()).toContain("(0.0.0.0:8080)");
    expect(helpText()).toContain("(127.0.0.1:9901)");
  });
});
