import { describe, expect, test } from "vitest";
import { readReport, sum } from "./report.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="6.9. WINDOW_UPDATE" package="http2/6.9" id="6.9" tests="3" skipped="1" failures="1" errors="0">
    <testcase package="http2/6.9" classname="Sends a WINDOW_UPDATE" time="0.0002"></testcase>
    <testcase package="http2/6.9" classname="Sends &#34;two&#34; &lt;frames&gt;" time="2.1">
      <failure>Sends two&#xA;Expect: GOAWAY Frame (Error Code: PROTOCOL_ERROR)</failure>
    </testcase>
    <testcase package="http2/6.9" classname="Sends none" time="0"><skipped></skipped></testcase>
  </testsuite>
  <testsuite name="1. Starting" package="generic/1" id="1" tests="1" skipped="0" failures="0" errors="1">
    <testcase package="generic/1" classname="Sends a preface" time="0"><error>connection refused</error></testcase>
  </testsuite>
</testsuites>`;

describe("h2spec report", () => {
  test("sections: counts passed, failed, errors as failed, and skipped", () => {
    const { sections } = readReport(REPORT);
    expect(sections).toEqual([
      { id: "http2/6.9", title: "6.9. WINDOW_UPDATE", passed: 1, failed: 1, skipped: 1 },
      { id: "generic/1", title: "1. Starting", passed: 0, failed: 1, skipped: 0 },
    ]);
    expect(sum(sections, "failed")).toBe(2);
  });

  test("cases: names what failed and what was skipped, unescaped", () => {
    const { failures, skips } = readReport(REPORT);
    expect(failures.map(({ what }) => what)).toEqual(['Sends "two" <frames>', "Sends a preface"]);
    expect(failures[0]?.detail).toContain("Expect: GOAWAY");
    expect(skips.map(({ what }) => what)).toEqual(["Sends none"]);
  });

  test("nothing in it: is an error, not a success", () => {
    expect(() => readReport("<testsuites></testsuites>")).toThrow("no sections");
  });
});
