import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

/** Debian's package puts it here. */
const PATH = "/usr/bin/chromium";
/** Milliseconds that apt-get may take to fetch and unpack it. */
const INSTALL_MS = 400_000;

/** One installation at a time: test files run side by side. */
const INSTALL = `flock /tmp/fairlead-chromium.lock sh -c '[ -x ${PATH} ] || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; }'`;

export type FoundChromium = { readonly path: string } | { readonly missing: string };

/** Looks for Debian's Chromium, and installs it where that is possible: as root, with apt-get. */
export async function findChromium(): Promise<FoundChromium> {
  if (isThere(PATH)) return { path: PATH };
  if (process.getuid?.() !== 0) return { missing: `${PATH} is not there, and only root can install it` };
  console.warn(`browser suite: ${PATH} is not there; installing Debian's package chromium`);
  try {
    await promisify(execFile)("sh", ["-c", INSTALL], {
      timeout: INSTALL_MS,
      maxBuffer: 1 << 26,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).trim().split("\n");
    return { missing: `${PATH} is not there, and apt-get could not install it: ${lines.at(-1)}` };
  }
  return isThere(PATH) ? { path: PATH } : { missing: `apt-get installed chromium, but ${PATH} is not there` };
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Chromium without a window, with a profile of its own that goes when it is closed, and without whatever it would do by itself.
 * @param trusted SHA-256 of public keys, base64: their certificates are trusted, and no others
 */
export function launchChromium(path: string, trusted: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: path,
    headless: true,
    timeout: 60_000,
    args: [
      // The sandbox refuses to run as root.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(trusted.length === 0 ? [] : [`--ignore-certificate-errors-spki-list=${trusted.join(",")}`]),
    ],
  });
}
