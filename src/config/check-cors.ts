import type { Report } from "./report.ts";

type CorsFields = { readonly [List in "allowOrigins" | "allowHeaders" | "exposeHeaders"]: readonly string[] } & {
  readonly allowCredentials?: boolean | undefined;
};

/**
 * Checks what the fields of CORS settings cannot know of each other, and what never matches.
 * @param path where they stand, for the report
 */
export function checkCors(cors: CorsFields | undefined, path: string, report: Pick<Report, "add" | "has">): void {
  if (cors === undefined) return;
  for (const list of ["allowHeaders", "exposeHeaders"] as const) {
    cors[list].forEach((header, at) => {
      if (header !== "*" || !cors.allowCredentials) return;
      // Fetch standard, CORS protocol: with credentials `*` is a header of that name.
      report.add(
        `${path}.${list}[${at}]`,
        "* means nothing to browsers together with allowCredentials; list the headers",
      );
    });
  }
  cors.allowOrigins.forEach((origin, at) => {
    const originPath = `${path}.allowOrigins[${at}]`;
    if (report.has(originPath)) return;
    if (origin === "*" && cors.allowCredentials) {
      report.add(
        originPath,
        "* does not go with allowCredentials: browsers refuse it, as every page could then act as its visitor; list the origins",
      );
    }
    const usual = /^(?:http:\/\/.*(:80)|https:\/\/.*(:443))$/i.exec(origin);
    const port = usual?.[1] ?? usual?.[2];
    if (port === undefined) return;
    const right = origin.slice(0, -port.length);
    report.add(
      originPath,
      `"${origin}" has the port that browsers leave out, so that it never matches; write ${right}`,
    );
  });
}
