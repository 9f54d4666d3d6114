import { afterEach, describe, expect, test } from "vitest";
import { Rig } from "./support/rig.ts";

const rigs: Rig[] = [];
function rig(...args: ConstructorParameters<typeof Rig>): Rig {
  const made = new Rig(...args);
  rigs.push(made);
  return made;
}

afterEach(async () => {
  for (const one of rigs.splice(0)) await one.finish();
});

const HEAD = "POST /long HTTP/1.1\r\nhost: a\r\nx-filler: 0123456789012345678901234567890123456789\r\n\r\n";
const SHORT = "GET /short HTTP/1.1\r\nhost: a\r\n\r\n";

describe("heads", () => {
  test("a repeated head that came in two pieces does not hide the end of a shorter one behind it", () => {
    const r = rig();
    r.onEnd = (request) => request.answer(request.path);
    r.give(HEAD, HEAD.slice(0, 70), HEAD.slice(70), SHORT);
    expect(r.requests.map(({ path }) => path)).toEqual(["/long", "/long", "/short"]);
    r.give(HEAD.slice(0, 70), HEAD.slice(70) + SHORT + SHORT);
    expect(r.requests.length).toBe(6);
  });
});
