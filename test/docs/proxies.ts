import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";

/** The proxies whose configurations stand on docs/migrate.md, as far as they are here. */

/** Also where only root looks. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** The largest file of that name: the package also has a small script. */
export function findEnvoy(): string | null {
  const folder = join(ROOT, ".ci/tools/envoy");
  if (!existsSync(folder)) return null;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /(^|\/)envoy$/.test(path))
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile());
  return files.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? null;
}

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((kind) => `${kind}_temp_path ${kind};`)
  .join(" ");

/** A configuration of nginx that writes into its folder only; nginx asks for names at once, so they are this machine's. */
export function nginxHere(text: string): string {
  const local = text.replaceAll(/[\w.-]+\.cluster\.local/g, "127.0.0.1");
  return `pid nginx.pid; daemon off;\n${local.replace("http {", `http { access_log off; ${TEMPORARY}`)}`;
}
