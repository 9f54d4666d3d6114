import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseContainerfile, startOf } from "./containerfile.ts";
import { type ImageName, ROOT, readContainerfile } from "./images.ts";

describe("parseContainerfile", () => {
  test("a Containerfile: stages, continued lines and both kinds of COPY are read", () => {
    const text = `# a comment
FROM node:24 AS build
WORKDIR /app
COPY a b ./
RUN one \\
 && two
FROM scratch
COPY --from=build /image /
ENV A=1 B=2
USER 1:2
ENTRYPOINT ["/bin/x", "y"]
`;
    const stages = parseContainerfile(text);
    expect(stages.map(({ image, name }) => [image, name])).toEqual([
      ["node:24", "build"],
      ["scratch", null],
    ]);
    expect(stages[0].steps).toContainEqual({ kind: "run", script: "one  && two" });
    expect(stages[0].steps).toContainEqual({ kind: "copy", from: null, sources: ["a", "b"], to: "./" });
    expect(stages[1].steps).toContainEqual({ kind: "copy", from: "build", sources: ["/image"], to: "/" });
    expect(startOf(stages)).toMatchObject({ command: ["/bin/x", "y"], uid: 1, gid: 2, env: { A: "1", B: "2" } });
  });

  test.each([
    ["an instruction that it does not know", "FROM scratch\nADD x /y"],
    ["a user by name, which Kubernetes cannot check", "FROM scratch\nUSER nobody"],
    ["a start by a shell", "FROM scratch\nENTRYPOINT node main.js"],
    ["an unknown flag of COPY", "FROM scratch\nCOPY --chmod=777 a b"],
    ["a step before the first FROM", "RUN true"],
  ])("a Containerfile: %s is refused, not left out", (_what, text) => {
    expect(() => parseContainerfile(text)).toThrow("not understood");
  });
});

describe.each<ImageName>(["node", "deno"])("the image for %s", (name) => {
  const stages = readContainerfile(name);
  const start = startOf(stages);

  test("image: it is built in several stages and the last one starts from nothing, so that it has no shell", () => {
    expect(stages.length).toBeGreaterThan(1);
    expect(stages.at(-1)?.image).toBe("scratch");
    expect(stages.at(-1)?.steps.filter(({ kind }) => kind === "run")).toEqual([]);
  });

  test("image: builders are sent what it copies", () => {
    const lines = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n");
    expect(lines).toContain("*");
    const copied = stages.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === "copy" && step.from === null ? step.sources : [])),
    );
    expect(copied.length).toBeGreaterThan(2);
    expect(copied.filter((source) => !lines.includes(`!${source}`))).toEqual([]);
  });

  test("image: it runs as the user that the manifests name, and names the gateway's ports", () => {
    expect([start.uid, start.gid]).toEqual([65532, 65532]);
    expect(start.ports).toEqual([8080, 9901]);
    expect(start.stopSignal).toBe("SIGTERM");
    expect(start.command.at(-1)).toMatch(/^\/app\/(dist\/main\.js|src\/main\.ts)$/);
  });
});

test("the image for deno: nothing may be written or started, and only the network and named folders are open", () => {
  const flags = startOf(readContainerfile("deno")).command.filter((word) => word.startsWith("--allow"));
  expect(flags.map((flag) => flag.split("=")[0])).toEqual([
    "--allow-net",
    "--allow-read",
    "--allow-env",
    "--allow-sys",
  ]);
  expect(flags).toContain("--allow-read=/app,/etc");
});
