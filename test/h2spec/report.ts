/** h2spec's JUnit report, read. */

export interface Section {
  /** `http2/6.9.1` */
  readonly id: string;
  readonly title: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface FailedCase {
  readonly id: string;
  readonly what: string;
  readonly detail: string;
}

export interface H2specReport {
  readonly sections: readonly Section[];
  readonly failures: readonly FailedCase[];
  readonly skips: readonly FailedCase[];
}

function attributes(tag: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of tag.matchAll(/([\w-]+)="([^"]*)"/g)) found[name] = unescapeXml(value);
  return found;
}

function unescapeXml(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, number: string) => String.fromCodePoint(Number(number)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

/** @throws when it is no report with cases in it: a runner that ran nothing must not pass */
export function readReport(xml: string): H2specReport {
  const sections: Section[] = [];
  const failures: FailedCase[] = [];
  const skips: FailedCase[] = [];
  for (const [, suite = "", inside = ""] of xml.matchAll(/<testsuite\s([^>]*)>(.*?)<\/testsuite>/gs)) {
    const { package: id = "", name: title = "", tests, failures: failed, errors, skipped } = attributes(suite);
    const bad = Number(failed) + Number(errors);
    sections.push({ id, title, failed: bad, skipped: Number(skipped), passed: Number(tests) - bad - Number(skipped) });
    for (const [, testcase = "", detail = ""] of inside.matchAll(/<testcase\s([^>]*)>(.*?)<\/testcase>/gs)) {
      if (detail.trim() === "") continue;
      const one = {
        id,
        what: attributes(testcase).classname ?? "",
        detail: unescapeXml(detail.replace(/<[^>]*>/g, " ")).trim(),
      };
      (/<skipped/.test(detail) ? skips : failures).push(one);
    }
  }
  if (sections.length === 0) throw new Error("h2spec's report has no sections");
  return { sections, failures, skips };
}

export function sum(sections: readonly Section[], count: "passed" | "failed" | "skipped"): number {
  return sections.reduce((total, section) => total + section[count], 0);
}
