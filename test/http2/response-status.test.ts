import { describe, expect, test } from "vitest";
import { checkHead } from "../../src/http2/head-check.ts";

const response = (...fields: string[]) => checkHead({ fields, neverIndexed: null, memo: undefined }, "response");

describe("status of a response", () => {
  test.each(["100", "200", "418", "599", "600", "800", "999"])("%s is taken as it is", (status) => {
    expect(response(":status", status)).toMatchObject({ error: "", status: Number(status) });
  });

  test.each(["", "0", "020", "20", "2000", "abc", "2 0", "-20"])("%j is malformed", (status) => {
    expect(response(":status", status).error).toBe("not exactly one valid :status");
  });

  test("none, or two: malformed", () => {
    expect(response("server", "x").error).not.toBe("");
    expect(response(":status", "200", ":status", "200").error).not.toBe("");
  });
});
