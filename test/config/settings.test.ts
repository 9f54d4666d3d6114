import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { makeSettings } from "../../src/config/make-settings.ts";
import { ConfigSchema } from "../../src/gen/fairlead/config/v1/config_pb.ts";
import { flagSettings, settingsOf } from "./load.ts";

/** Every field of the schema, with something else than its default. */
const whole = `
listeners:
  - name: public
    address: 127.0.0.1
    port: 8443
    tls: { certFile: /tls/cert.pem, keyFile: /tls/key.pem, clientCaFile: /tls/cert.pem }
    maxConnectionAge: 1m
    cors:
      allowOrigins: ["https://App.example.com", "https://*.example.com:8443"]
      allowHeaders: [authorization]
      exposeHeaders: [x-request-id]
      allowCredentials: true
      maxAge: 1m
routes:
  - name: carts
    hostnames: [Shop.example.com, "*.shop.example.com"]
    matches:
      - method: { type: RegularExpression, service: "shop\\\\.v[12]\\\\.CartService", method: "Get.*" }
        headers:
          - { type: RegularExpression, name: X-Tenant, value: "a|b" }
          - { name: x-beta, value: "1" }
    backendRefs: [{ name: cart, weight: 3 }, { name: other }]
    connectGet: [shop.v1.CartService/Get, "shop.v1.Catalog/*"]
    requireConnectProtocolVersion: true
    cors: { allowOrigins: ["*"] }
backends:
  - name: cart
    target: dns://10.0.0.10/cart:50051
    policy: p2c
    ties: random
    subset: 30
    dns: { period: 2s, timeout: 500ms, hold: 1m, family: both }
    tls:
      caFile: /tls/cert.pem
      certFile: /tls/cert.pem
      keyFile: /tls/key.pem
      serverName: cart.internal
      insecure: true
    connectTimeout: 1s
    maxTimeout: 30s
    idleTimeout: 0s
    retryBufferBytes: 0
    maxPending: 7
    json: transcode
    descriptorSet: /schema/demo.binpb
    maxMessageBytes: 8
    jsonIgnoreUnknownFields: true
  - name: other
    target: ipv4:10.0.0.1:50051
admin: { enabled: true, address: 0.0.0.0, port: 9000 }
drain: { delay: 1s500ms, timeout: 2m }
log: { level: debug, format: json, access: true }
limits:
  maxConcurrentStreams: 1
  maxHeaderListBytes: 8192
  maxHeaderFields: 16
  maxContinuationFrames: 2
  streamWindowBytes: 65536
  connectionWindowBytes: 65535
  maxBufferedBytes: 1048576
  resetsPerSecond: 3
  resetsPerConnection: 4
  earlyResets: 5
  provokedResets: 6
  pingsPerSecond: 7
  settingsPerSecond: 8
  emptyDataPerSecond: 9
  windowUpdatesPerSecond: 10
  headTimeout: 11s
  stallTimeout: 12s
  stallBytes: 13
  settingsAckTimeout: 14s
  connectionIdleTimeout: 15s
`;

describe("settings", () => {
  test("the least that is needed: every default", async () => {
    expect(await settingsOf("backends: [{ target: 'dns:///echo:50051' }]")).toEqual({
      listeners: [{ name: "0.0.0.0:8080", host: "0.0.0.0", port: 8080, maxConnectionAge: null, tls: null, cors: null }],
      routes: [
        {
          name: "default",
          hostnames: [],
          matches: [],
          backendRefs: [{ name: "echo", weight: 1 }],
          connectGet: [],
          requireConnectProtocolVersion: false,
          cors: null,
        },
      ],
      backends: [
        {
          name: "echo",
          target: "dns:///echo:50051",
          policy: "least_outstanding",
          ties: "quickest",
          subset: 0,
          dns: { period: 5000, timeout: 2000, hold: 30_000, family: "auto" },
          tls: null,
          connectTimeout: 5000,
          maxTimeout: null,
          idleTimeout: 3_600_000,
          retryBuffer: 65_536,
          maxPending: 1024,
          json: "auto",
          descriptorSet: null,
          maxMessageBytes: 4_194_304,
          jsonIgnoreUnknownFields: false,
        },
      ],
      admin: { host: "127.0.0.1", port: 9901 },
      drainDelay: 5000,
      drainTimeout: 20_000,
      log: { level: "info", format: "auto", access: false },
      limits: {
        maxConcurrentStreams: 100,
        maxHeaderListBytes: 65_536,
        maxHeaderFields: 128,
        maxContinuationFrames: 20,
        streamWindow: 262_144,
        connectionWindow: 1_048_576,
        maxBufferedBytes: 268_435_456,
        resetsPerSecond: 100,
        resetsPerConnection: 10_000,
        earlyResets: 50,
        provokedResets: 500,
        pingsPerSecond: 100,
        settingsPerSecond: 50,
        emptyDataPerSecond: 100,
        windowUpdatesPerSecond: 100,
        headTimeout: 10_000,
        stallTimeout: 60_000,
        stallBytes: 16_384,
        settingsAckTimeout: 10_000,
        connectionIdleTimeout: null,
      },
    });
  });

  test("the whole schema: every field arrives", async () => {
    expect(await settingsOf(whole)).toEqual({
      listeners: [
        {
          name: "public",
          host: "127.0.0.1",
          port: 8443,
          tls: { certFile: "/tls/cert.pem", keyFile: "/tls/key.pem", clientCaFile: "/tls/cert.pem" },
          maxConnectionAge: 60_000,
          cors: {
            allowOrigins: ["https://app.example.com", "https://*.example.com:8443"],
            allowHeaders: ["authorization"],
            exposeHeaders: ["x-request-id"],
            allowCredentials: true,
            maxAge: 60_000,
          },
        },
      ],
      routes: [
        {
          name: "carts",
          hostnames: ["shop.example.com", "*.shop.example.com"],
          matches: [
            {
              type: "RegularExpression",
              service: "shop\\.v[12]\\.CartService",
              method: "Get.*",
              headers: [
                { type: "RegularExpression", name: "x-tenant", value: "a|b" },
                { type: "Exact", name: "x-beta", value: "1" },
              ],
            },
          ],
          backendRefs: [
            { name: "cart", weight: 3 },
            { name: "other", weight: 1 },
          ],
          connectGet: ["shop.v1.CartService/Get", "shop.v1.Catalog/*"],
          requireConnectProtocolVersion: true,
          cors: {
            allowOrigins: ["*"],
            allowHeaders: [],
            exposeHeaders: [],
            allowCredentials: false,
            maxAge: 7_200_000,
          },
        },
      ],
      backends: [
        {
          name: "cart",
          target: "dns://10.0.0.10/cart:50051",
          policy: "p2c",
          ties: "random",
          subset: 30,
          dns: { period: 2000, timeout: 500, hold: 60_000, family: "both" },
          tls: {
            caFile: "/tls/cert.pem",
            certFile: "/tls/cert.pem",
            keyFile: "/tls/key.pem",
            serverName: "cart.internal",
            insecure: true,
          },
          connectTimeout: 1000,
          maxTimeout: 30_000,
          idleTimeout: null,
          retryBuffer: 0,
          maxPending: 7,
          json: "transcode",
          descriptorSet: "/schema/demo.binpb",
          maxMessageBytes: 8,
          jsonIgnoreUnknownFields: true,
        },
        expect.objectContaining({ name: "other", target: "ipv4:10.0.0.1:50051", tls: null }),
      ],
      admin: { host: "0.0.0.0", port: 9000 },
      drainDelay: 1500,
      drainTimeout: 120_000,
      log: { level: "debug", format: "json", access: true },
      limits: {
        maxConcurrentStreams: 1,
        maxHeaderListBytes: 8192,
        maxHeaderFields: 16,
        maxContinuationFrames: 2,
        streamWindow: 65_536,
        connectionWindow: 65_535,
        maxBufferedBytes: 1_048_576,
        resetsPerSecond: 3,
        resetsPerConnection: 4,
        earlyResets: 5,
        provokedResets: 6,
        pingsPerSecond: 7,
        settingsPerSecond: 8,
        emptyDataPerSecond: 9,
        windowUpdatesPerSecond: 10,
        headTimeout: 11_000,
        stallTimeout: 12_000,
        stallBytes: 13,
        settingsAckTimeout: 14_000,
        connectionIdleTimeout: 15_000,
      },
    });
  });

  test("JSON, snake_case and quoted numbers: the same settings as YAML", async () => {
    const settings = await settingsOf(whole);
    const json = JSON.stringify(parse(whole), null, "\t");
    expect(await settingsOf(json)).toEqual(settings);
    const snake = json.replace(
      /"([a-z]+[A-Z]\w*)":/g,
      (_, key: string) => `"${key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}":`,
    );
    expect(snake).not.toBe(json);
    expect(await settingsOf(snake)).toEqual(settings);
    expect(await settingsOf(json.replace(/: (\d+)(,?)$/gm, ': "$1"$2'))).toEqual(settings);
    expect(await settingsOf(stringify(parse(whole)))).toEqual(settings);
  });

  test("protobuf's own JSON reader: the same settings, for whoever makes files by program", async () => {
    const message = fromJsonString(ConfigSchema, JSON.stringify(parse(whole)));
    expect(makeSettings(message)).toEqual(await settingsOf(whole));
    expect(await settingsOf(toJsonString(ConfigSchema, message))).toEqual(await settingsOf(whole));
    expect(makeSettings(create(ConfigSchema, { backends: [{ target: "dns:///echo" }] }))).toEqual(
      await settingsOf("backends: [{ target: 'dns:///echo' }]"),
    );
  });

  test("flags: the same settings as a file that says the same", async () => {
    const text = `
listeners:
  - { address: 127.0.0.1, port: 8443, maxConnectionAge: 5m, tls: { certFile: /tls/cert.pem, keyFile: /tls/key.pem, clientCaFile: /tls/cert.pem }, cors: &pages { allowOrigins: [https://a.example, "https://*.b.example"], allowHeaders: [authorization] } }
  - { address: "::1", port: 8443, maxConnectionAge: 5m, tls: { certFile: /tls/cert.pem, keyFile: /tls/key.pem, clientCaFile: /tls/cert.pem }, cors: *pages }
routes:
  - { name: default, connectGet: ["a.B/C", "d.E/*"] }
backends:
  - target: dns:///echo:50051
    policy: random
    ties: random
    dns: { period: 1s, timeout: 1s, hold: 1s, family: ipv6 }
    tls: { caFile: /tls/cert.pem, certFile: /tls/cert.pem, keyFile: /tls/key.pem, serverName: echo, insecure: true }
    connectTimeout: 1s
    maxTimeout: 2s
    idleTimeout: 3s
    json: passthrough
    descriptorSet: /schema/demo.binpb
admin: { port: 9000 }
drain: { delay: 0s, timeout: 4s }
log: { level: warn, format: text, access: true }
`;
    const settings = await flagSettings(
      ..."--listen 127.0.0.1:8443 --listen [::1]:8443 --tls-cert /tls/cert.pem --tls-key /tls/key.pem".split(" "),
      ..."--client-ca /tls/cert.pem --policy random --ties random --dns-period 1s --dns-timeout 1s".split(" "),
      ..."--dns-hold 1s --dns-family ipv6 --backend-tls --backend-ca /tls/cert.pem --backend-server-name echo".split(
        " ",
      ),
      ..."--max-connection-age 5m --backend-cert /tls/cert.pem --backend-key /tls/key.pem".split(" "),
      ..."--backend-insecure --connect-timeout 1s --max-timeout 2s --idle-timeout 3s --admin :9000".split(" "),
      ..."--drain-delay 0s --drain-timeout 4s --log-level warn --log-format text --access-log".split(" "),
      ..."--cors-origin https://a.example --cors-origin https://*.b.example --cors-header authorization".split(" "),
      ..."--connect-get a.B/C --connect-get d.E/* --json passthrough --descriptor-set /schema/demo.binpb".split(" "),
      "dns:///echo:50051",
    );
    expect(settings).toEqual(await settingsOf(text));
    expect(await flagSettings("dns:///echo")).toEqual(await settingsOf("backends: [{ target: 'dns:///echo' }]"));
  });

  test("admin off: no admin port", async () => {
    expect((await settingsOf("backends: [{ target: 'dns:///e' }]\nadmin: { enabled: false }")).admin).toBeNull();
    expect((await flagSettings("--admin", "off", "dns:///e")).admin).toBeNull();
  });

  test.each([
    ["dns:///echo.prod.svc:50051", "echo"],
    ["dns://10.96.0.10/echo:1", "echo"],
    ["echo:50051", "echo"],
    ["dns:///_grpc._tcp.echo.prod", "echo"],
    ["dns+srv:///echo", "echo"],
    ["ipv4:10.0.0.1:1,10.0.0.2:1", "default"],
    ["ipv6:[::1]:1", "default"],
    ["unix:/run/echo.sock", "default"],
    ["127.0.0.1:1", "default"],
  ])("a backend without a name: %s is called %s", async (target, name) => {
    expect((await flagSettings(target)).backends[0].name).toBe(name);
  });
});
