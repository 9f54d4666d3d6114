import { describe, expect, test } from "vitest";
import { loadText } from "../../src/config/load.ts";
import { access, problemsOf } from "./load.ts";

const ok = "backends: [{ target: 'dns:///echo' }]\n";

/** What the engine has against a pattern: each words it in its own way. */
function reasonOf(pattern: string): string {
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    return (error as Error).message.split(": ").at(-1)!.toLowerCase();
  }
  throw new Error(`${pattern} is right`);
}

/** What is wrong with one file, each with all that is told. */
const cases: readonly (readonly [what: string, text: string, ...told: string[]])[] = [
  [
    "an empty file",
    "",
    'f.yaml:1:1: is empty; the least that is needed is `backends: [{ target: "dns:///my-service:50051" }]`',
  ],
  [
    "a file of comments",
    "# nothing\n",
    'f.yaml:1:1: is empty; the least that is needed is `backends: [{ target: "dns:///my-service:50051" }]`',
  ],
  [
    "text instead of fields",
    "hello\n",
    "f.yaml:1:1: is text where fields are expected: listeners, routes, backends, admin, drain, log, limits",
    "f.yaml:1:1: backends: is missing; say where the pods are, such as `- target: dns:///my-service:50051`",
  ],
  ["a tab", "log:\n\tlevel: info\n", "f.yaml:2:1: tabs are not allowed as indentation"],
  [
    "a quote that does not end",
    'log: { level: "info\n',
    'f.yaml:2:1: missing closing "quote',
    "f.yaml:2:1: flow map in block collection must be sufficiently indented and end with a }",
  ],
  ["an alias to nothing", `${ok}log: *x\n`, "f.yaml:2:1: log: refers to &x, which does not stand before it"],
  ["an unknown tag", `${ok}log: !mine { level: info }\n`, "f.yaml:2:6: unresolved tag: !mine"],
  ["two documents", `${ok}---\n${ok}`, "f.yaml:2:1: is a second document; write one only"],

  ["an unknown field", `${ok}limitz: {}\n`, "f.yaml:2:1: limitz: is unknown; did you mean limits?"],
  [
    "an unknown field like no other",
    `${ok}drain: { wait: 5s }\n`,
    "f.yaml:2:10: drain.wait: is unknown; the fields here are delay, timeout",
  ],
  [
    "a field one level too high",
    `${ok}listeners:\n  - cert_file: /tls/cert.pem\n`,
    "f.yaml:3:5: listeners[0].cert_file: is unknown; did you mean tls.cert_file?",
  ],
  [
    "a field with a dot in its name",
    `${ok}log.level: info\n`,
    "f.yaml:2:1: log.level: is unknown; the fields here are listeners, routes, backends, admin, drain, log, limits",
  ],
  ["a field given twice", `${ok}log: {}\nlog: {}\n`, "f.yaml:3:1: log: is given twice; remove one of them"],
  [
    "a field given in both spellings",
    "backends:\n  - target: ipv4:10.0.0.1:1\n    max_pending: 1\n    maxPending: 2\n",
    "f.yaml:4:5: backends[0].maxPending: is given twice; remove one of them",
  ],
  ["a field without a value", `${ok}admin:\n`, "f.yaml:2:1: admin: has no value; give it one, or remove the line"],
  [
    "an item without a value",
    "backends:\n  -\n",
    "f.yaml:2:4: backends[0]: has no value; give it one, or remove the line",
  ],
  [
    "an empty text",
    "backends:\n  - target: ''\n",
    "f.yaml:2:13: backends[0].target: is empty; give it a value, or remove the line",
  ],

  [
    "one item where a list is expected",
    "backends:\n  target: dns:///echo\n",
    "f.yaml:2:3: backends: is a set of fields where a list is expected: write `- ` before each of its items",
    "f.yaml:2:3: backends: is missing; say where the pods are, such as `- target: dns:///my-service:50051`",
  ],
  [
    "a list where fields are expected",
    `${ok}log: [info]\n`,
    "f.yaml:2:6: log: is a list where fields are expected: level, format, access",
  ],
  [
    "a list where a value is expected",
    `${ok}log: { level: [info] }\n`,
    "f.yaml:2:15: log.level: is a list where a single value is expected",
  ],
  ["text for a number", `${ok}admin: { port: http }\n`, 'f.yaml:2:16: admin.port: "http" is not a whole number'],
  ["a fraction for a number", `${ok}admin: { port: 8.5 }\n`, "f.yaml:2:16: admin.port: 8.5 is not a whole number"],
  [
    "a size with a unit",
    `${ok}limits: { stall_bytes: 16KiB }\n`,
    'f.yaml:2:24: limits.stall_bytes: "16KiB" is not a whole number; did you mean 16384?',
  ],
  [
    "a number out of range",
    `${ok}admin: { port: 65536 }\n`,
    "f.yaml:2:16: admin.port: 65536 is out of range; it must be 0 to 65535",
  ],
  [
    "a negative number",
    `${ok}admin: { port: -1 }\n`,
    "f.yaml:2:16: admin.port: -1 is out of range; it must be 0 to 65535",
  ],
  ["yes for true", `${ok}log: { access: yes }\n`, 'f.yaml:2:16: log.access: "yes" is neither true nor false'],
  [
    "a number for a duration",
    `${ok}drain: { timeout: 30 }\n`,
    "f.yaml:2:19: drain.timeout: 30 is not a duration; did you mean 30s?",
  ],
  [
    "a fraction for a duration",
    `${ok}drain: { timeout: 0.25s }\n`,
    'f.yaml:2:19: drain.timeout: "0.25s" is not a duration; did you mean 250ms?',
  ],
  [
    "nonsense for a duration",
    `${ok}drain: { timeout: soon }\n`,
    'f.yaml:2:19: drain.timeout: "soon" is not a duration; write it like 250ms, 5s or 1m30s',
  ],
  [
    "a duration out of range",
    "backends:\n  - target: dns:///echo\n    dns:\n      period: 100ms\n",
    "f.yaml:4:15: backends[0].dns.period: 100ms is out of range; it must be 1s to 24h",
  ],
  [
    "a mistyped choice",
    "backends:\n  - target: dns:///echo\n    policy: round-robn\n",
    'f.yaml:3:13: backends[0].policy: "round-robn" is unknown; did you mean round_robin?',
  ],
  [
    "an unknown choice",
    `${ok}log: { level: chatty }\n`,
    'f.yaml:2:15: log.level: "chatty" is unknown; it must be one of debug, info, warn, error',
  ],
  [
    "a number for a text",
    "backends:\n  - target: dns:///echo\n    name: 7\n",
    'f.yaml:3:11: backends[0].name: 7 is a number; put it in quotes to make it text: "7"',
  ],
  [
    "a name with a space",
    "backends:\n  - target: dns:///echo\n    name: a b\n",
    'f.yaml:3:11: backends[0].name: "a b" is not allowed here; it must be letters, digits and `_ - . :`',
  ],

  [
    "no backends",
    "log: {}\n",
    "f.yaml:1:1: backends: is missing; say where the pods are, such as `- target: dns:///my-service:50051`",
  ],
  [
    "a backend without a target",
    "backends:\n  - name: echo\n",
    "f.yaml:2:5: backends[0].target: is missing; say where the pods are, such as dns:///my-service:50051",
  ],
  [
    "a URL for a target",
    "backends:\n  - target: http://echo:80\n",
    'f.yaml:2:13: backends[0].target: "http://echo:80": is a URL; write dns:///echo:80',
  ],
  [
    "two backends of one name",
    "backends:\n  - { name: a, target: 'dns:///x' }\n  - { name: a, target: 'dns:///y' }\nroutes: [{ backendRefs: [{ name: a }] }]\n",
    'f.yaml:3:13: backends[1].name: "a" is the name of backends[0] too; names must differ',
  ],
  [
    "two backends named by the same host",
    "backends:\n  - target: dns:///echo:1\n  - target: dns:///echo:2\nroutes: [{ backendRefs: [{ name: echo }] }]\n",
    'f.yaml:3:5: backends[1]: has the name "echo", from its target, as backends[0] does; give one of them another `name`',
  ],

  [
    "two listeners of one name",
    `${ok}listeners:\n  - { name: a, port: 1 }\n  - { name: a, port: 2 }\n`,
    'f.yaml:4:13: listeners[1].name: "a" is the name of listeners[0] too; names must differ',
  ],
  [
    "two listeners on one port",
    `${ok}listeners:\n  - { name: a, port: 1 }\n  - { name: b, port: 1 }\n`,
    "f.yaml:4:22: listeners[1].port: 0.0.0.0:1 is taken by listeners[0] (0.0.0.0:1); choose another port",
  ],
  [
    "a listener on a port of all addresses",
    `${ok}listeners:\n  - { address: "::", port: 1 }\n  - { address: 127.0.0.1, port: 1 }\n`,
    "f.yaml:4:33: listeners[1].port: 127.0.0.1:1 is taken by listeners[0] ([::]:1); choose another port",
  ],
  [
    "a listener on the admin port",
    `${ok}listeners:\n  - port: 9901\n`,
    "f.yaml:3:11: listeners[0].port: 0.0.0.0:9901 is taken by admin (127.0.0.1:9901); choose another port",
  ],
  [
    "an admin port that is the default listener's",
    `${ok}admin:\n  port: 8080\n`,
    "f.yaml:1:1: listeners[0].port: 0.0.0.0:8080 is taken by admin (127.0.0.1:8080); choose another port",
  ],
  [
    "two listeners on ports that the system chooses",
    `${ok}listeners: [{ port: 0 }, { port: 0 }]\n`,
    "f.yaml:2:26: listeners[1]: has a port that the system chooses, as listeners[0] does; give one of them a `name`",
  ],
  [
    "an address with a port",
    `${ok}listeners:\n  - address: 127.0.0.1/8080\n`,
    'f.yaml:3:14: listeners[0].address: "127.0.0.1/8080" is not allowed here; it must be an IP address or a host name, without a port',
  ],

  [
    "a certificate without a key",
    `${ok}listeners:\n  - tls:\n      cert_file: /tls/cert.pem\n`,
    "f.yaml:4:7: listeners[0].tls.keyFile: is missing; name the PEM file of the certificate's private key",
  ],
  [
    "a key without a certificate",
    `${ok}listeners:\n  - tls:\n      keyFile: /tls/key.pem\n`,
    "f.yaml:4:7: listeners[0].tls.certFile: is missing; name the PEM file of the certificate",
  ],
  [
    "files that are not there",
    `${ok}listeners:\n  - tls:\n      cert_file: /no/cert.pem\n      key_file: key.pem\n`,
    'f.yaml:4:18: listeners[0].tls.cert_file: "/no/cert.pem" cannot be read: no such file or directory',
    'f.yaml:5:17: listeners[0].tls.key_file: "key.pem" cannot be read: no such file or directory',
  ],
  [
    "a key for a certificate",
    `${ok}listeners:\n  - tls:\n      cert_file: /tls/key.pem\n      key_file: /tls/notes.txt\n`,
    'f.yaml:4:18: listeners[0].tls.cert_file: "/tls/key.pem" holds a PRIVATE KEY; it must hold a CERTIFICATE in PEM form',
    'f.yaml:5:17: listeners[0].tls.key_file: "/tls/notes.txt" holds no PEM text; it must hold a PRIVATE KEY in PEM form',
  ],
  [
    "a key with a passphrase",
    `${ok}listeners:\n  - tls:\n      cert_file: /tls/cert.pem\n      key_file: /tls/locked.pem\n`,
    'f.yaml:5:17: listeners[0].tls.key_file: "/tls/locked.pem" is encrypted with a passphrase; store the key without one, readable by the gateway alone',
  ],
  [
    "a key of another certificate",
    `${ok}listeners:\n  - tls:\n      cert_file: /tls/cert.pem\n      key_file: /tls/rsa.pem\n`,
    'f.yaml:5:17: listeners[0].tls.key_file: "/tls/rsa.pem" is not the key of the certificate in "/tls/cert.pem"; name the one that is',
  ],
  [
    "a certificate for pods without its key",
    `backends:\n  - target: dns:///echo\n    tls:\n      certFile: /tls/cert.pem\n`,
    "f.yaml:4:7: backends[0].tls.keyFile: is missing; name the PEM file of the certificate's private key",
  ],
  [
    "a key for pods without its certificate",
    `backends:\n  - target: dns:///echo\n    tls:\n      keyFile: /tls/key.pem\n`,
    "f.yaml:4:7: backends[0].tls.certFile: is missing; name the PEM file of the certificate",
  ],
  [
    "a key for pods of another certificate",
    `backends:\n  - target: dns:///echo\n    tls:\n      certFile: /tls/cert.pem\n      keyFile: /tls/rsa.pem\n`,
    'f.yaml:5:16: backends[0].tls.keyFile: "/tls/rsa.pem" is not the key of the certificate in "/tls/cert.pem"; name the one that is',
  ],
  [
    "a descriptor set that is not there",
    "backends:\n  - { target: 'dns:///echo', descriptorSet: /no/set.binpb }\n",
    'f.yaml:2:45: backends[0].descriptorSet: "/no/set.binpb" cannot be read: no such file or directory',
  ],
  [
    "a descriptor set that is none",
    "backends:\n  - { target: 'dns:///echo', descriptor_set: /tls/notes.txt }\n",
    'f.yaml:2:46: backends[0].descriptor_set: "/tls/notes.txt" is no FileDescriptorSet in binary form; write it with `buf build -o FILE` or `protoc --descriptor_set_out=FILE --include_imports`',
  ],
  [
    "a descriptor set that is empty",
    "backends:\n  - { target: 'dns:///echo', descriptorSet: /schema/empty.binpb }\n",
    'f.yaml:2:45: backends[0].descriptorSet: "/schema/empty.binpb" holds no descriptors; write it with `buf build -o FILE` or `protoc --descriptor_set_out=FILE --include_imports`',
  ],
  [
    "a descriptor set without its imports",
    "backends:\n  - { target: 'dns:///echo', descriptorSet: /schema/torn.binpb }\n",
    'f.yaml:2:45: backends[0].descriptorSet: "/schema/torn.binpb" is incomplete: cannot find a.proto, imported by b.proto; write it with `buf build -o FILE` or `protoc --descriptor_set_out=FILE --include_imports`',
  ],
  [
    "no room for any message",
    "backends:\n  - { target: 'dns:///echo', maxMessageBytes: 0 }\n",
    "f.yaml:2:47: backends[0].maxMessageBytes: 0 is out of range; it must be 1 to 2147483647",
  ],
  [
    "a mistyped way with JSON",
    "backends:\n  - { target: 'dns:///echo', json: transcoding }\n",
    'f.yaml:2:36: backends[0].json: "transcoding" is unknown; did you mean transcode?',
  ],
  [
    "authorities that are not there",
    "backends:\n  - target: dns:///echo\n    tls: { ca_file: ca.pem }\n",
    'f.yaml:3:21: backends[0].tls.ca_file: "ca.pem" cannot be read: no such file or directory',
  ],

  [
    "origins that are none",
    `${ok}listeners:\n  - cors:\n      allowOrigins:\n        - https://a.example/\n        - a.example\n        - "https://*"\n        - "null"\n        - https://a.*.example\n`,
    ...[
      '0]: "https://a.example/"',
      '1]: "a.example"',
      '2]: "https://*"',
      '3]: "null"',
      '4]: "https://a.*.example"',
    ].map(
      (which, at) =>
        `f.yaml:${5 + at}:11: listeners[0].cors.allowOrigins[${which} is not allowed here; it must be scheme and host without a path, such as https://app.example.com or https://*.example.com, or \`*\``,
    ),
  ],
  [
    "an origin with the port of its scheme",
    `${ok}listeners:\n  - cors: { allowOrigins: ["https://a.example:443", "http://*.b.example:80", "http://c.example:443"] }\n`,
    'f.yaml:3:28: listeners[0].cors.allowOrigins[0]: "https://a.example:443" has the port that browsers leave out, so that it never matches; write https://a.example',
    'f.yaml:3:53: listeners[0].cors.allowOrigins[1]: "http://*.b.example:80" has the port that browsers leave out, so that it never matches; write http://*.b.example',
  ],
  [
    "every page with credentials",
    `${ok}routes:\n  - cors: { allow_origins: ["*"], allow_headers: ["*"], expose_headers: ["*"], allow_credentials: true }\n`,
    "f.yaml:3:29: routes[0].cors.allow_origins[0]: * does not go with allowCredentials: browsers refuse it, as every page could then act as its visitor; list the origins",
    "f.yaml:3:51: routes[0].cors.allow_headers[0]: * means nothing to browsers together with allowCredentials; list the headers",
    "f.yaml:3:74: routes[0].cors.expose_headers[0]: * means nothing to browsers together with allowCredentials; list the headers",
  ],
  [
    "methods that are none",
    `${ok}routes:\n  - connectGet: [/a.B/C, a.B, "a.*", "*/C", a.B/C, a.B/*, "*", B/C]\n`,
    ...[
      '18: routes[0].connectGet[0]: "/a.B/C"',
      '26: routes[0].connectGet[1]: "a.B"',
      '31: routes[0].connectGet[2]: "a.*"',
      '38: routes[0].connectGet[3]: "*/C"',
    ].map(
      (which) =>
        `f.yaml:3:${which} is not allowed here; it must be \`package.Service/Method\`, \`package.Service/*\` or \`*\``,
    ),
  ],

  [
    "two backends and no routes",
    "backends:\n  - target: dns:///a\n  - target: dns:///b\n",
    "f.yaml:1:1: routes: is missing; with 2 backends, say which calls go to which",
  ],
  [
    "a route to a backend that is not there",
    "backends: [{ target: 'dns:///echo' }]\nroutes:\n  - backendRefs:\n      - name: ehco\n",
    'f.yaml:4:15: routes[0].backendRefs[0].name: there is no backend "ehco"; did you mean echo?',
  ],
  [
    "a route to a backend like no other",
    `${ok}routes:\n  - backend_refs: [{ name: payments }]\n`,
    'f.yaml:3:28: routes[0].backend_refs[0].name: there is no backend "payments"; the backends are echo',
  ],
  [
    "a route without backends",
    "backends:\n  - target: dns:///a\n  - target: dns:///b\nroutes:\n  - name: r\n",
    "f.yaml:5:5: routes[0].backendRefs: is missing; say where the calls go, such as `- name: a`",
  ],
  [
    "a route to nowhere",
    `${ok}routes:\n  - backendRefs: [{ name: echo, weight: 0 }]\n`,
    "f.yaml:3:18: routes[0].backendRefs: has no weight above 0, so that its calls could go nowhere",
  ],
  [
    "a backend referred to twice",
    `${ok}routes:\n  - backendRefs: [{ name: echo }, { name: echo }]\n`,
    'f.yaml:3:43: routes[0].backendRefs[1].name: "echo" is referred to twice; add the weights up',
  ],
  [
    "two routes of one name",
    `${ok}routes:\n  - { name: r, backendRefs: [{ name: echo }] }\n  - { name: r, backendRefs: [{ name: echo }] }\n`,
    'f.yaml:4:13: routes[1].name: "r" is the name of routes[0] too; names must differ',
  ],
  [
    "a hostname with a port",
    `${ok}routes:\n  - hostnames: ["a.example:8080"]\n    backendRefs: [{ name: echo }]\n`,
    'f.yaml:3:17: routes[0].hostnames[0]: "a.example:8080" is not allowed here; it must be a host name without a port, or `*.` and a host name',
  ],
  [
    "a match on a method without a name",
    `${ok}routes:\n  - matches:\n      - method: { type: Exact }\n    backendRefs: [{ name: echo }]\n`,
    "f.yaml:4:17: routes[0].matches[0].method: has neither service nor method; give it one, or remove it to match every method",
  ],
  [
    "a path for a service",
    `${ok}routes:\n  - matches:\n      - method: { service: /a.B/C }\n    backendRefs: [{ name: echo }]\n`,
    'f.yaml:4:28: routes[0].matches[0].method.service: "/a.B/C" has a slash; write service: a.B and method: C',
  ],
  [
    "bad regular expressions",
    `${ok}routes:\n  - matches:\n      - method: { type: RegularExpression, method: "Get(" }\n        headers: [{ type: RegularExpression, name: x-user, value: "[" }]\n    backendRefs: [{ name: echo }]\n`,
    `f.yaml:4:52: routes[0].matches[0].method.method: "Get(" is not a regular expression of JavaScript: ${reasonOf("Get(")}`,
    `f.yaml:5:67: routes[0].matches[0].headers[0].value: "[" is not a regular expression of JavaScript: ${reasonOf("[")}`,
  ],
  [
    "a header without name and value",
    `${ok}routes:\n  - matches:\n      - headers: [{ type: Exact }]\n    backendRefs: [{ name: echo }]\n`,
    "f.yaml:4:19: routes[0].matches[0].headers[0].name: is missing; name the header",
    "f.yaml:4:19: routes[0].matches[0].headers[0].value: is missing; say which value matches",
  ],
  [
    "a header name with a space",
    `${ok}routes:\n  - matches:\n      - headers: [{ name: "x user", value: a }]\n    backendRefs: [{ name: echo }]\n`,
    'f.yaml:4:27: routes[0].matches[0].headers[0].name: "x user" is not allowed here; it must be a header name such as `x-tenant`',
  ],
];

describe("a configuration file", () => {
  test.each(cases)("with %s: told with line, column and field", async (_what, text, ...told) => {
    expect(await problemsOf(text)).toEqual(told);
  });

  test("with many errors: all told at once, in the order of the file", async () => {
    const text = ["limitz: {}", "admin: { port: -1 }", "backends:", "  - { policy: fair }", "log: loud", ""].join("\n");
    expect((await problemsOf(text)).map((line) => line.split(":").slice(0, 4).join(":"))).toEqual([
      "f.yaml:1:1: limitz",
      "f.yaml:2:16: admin.port",
      "f.yaml:4:5: backends[0].target",
      "f.yaml:4:15: backends[0].policy",
      "f.yaml:5:6: log",
    ]);
  });

  test("with an alias: told where the alias stands", async () => {
    const text = `x: &bad { level: loud }\n${ok}log: *bad\n`;
    expect(await problemsOf(text)).toEqual([
      "f.yaml:1:1: x: is unknown; the fields here are listeners, routes, backends, admin, drain, log, limits",
      'f.yaml:1:18: log.level: "loud" is unknown; it must be one of debug, info, warn, error',
    ]);
  });

  test("nested ten thousand deep: told, without an exhausted stack", async () => {
    const told = await problemsOf("[".repeat(10_000));
    expect(told.length).toBeGreaterThan(0);
    for (const line of told) expect(line).toMatch(/^f\.yaml:1:\d+: /);
  });

  test("in Windows' line endings and with a byte order mark: lines and columns are right", async () => {
    expect(await problemsOf("\uFEFFbackends:\r\n  - target: dns:///echo\r\nlog:\r\n  level: loud\r\n")).toEqual([
      'f.yaml:4:10: log.level: "loud" is unknown; it must be one of debug, info, warn, error',
    ]);
  });

  test("with files: they are read from its own folder", async () => {
    const text = `${ok}listeners: [{ tls: { certFile: cert.pem, keyFile: key.pem } }]\n`;
    const loaded = await loadText("/tls/f.yaml", text, [], access);
    expect("settings" in loaded && loaded.settings.listeners[0].tls).toEqual({
      certFile: "/tls/cert.pem",
      keyFile: "/tls/key.pem",
      clientCaFile: null,
    });
  });
});
