import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { BackendTls, Config } from "../gen/fairlead/config/v1/config_pb.ts";
import type { ReadBytes, ReadText } from "../runtime/machine.ts";
import type { FileMention } from "./read-message.ts";
import type { Report } from "./report.ts";

/** What checking files needs of the machine. */
export interface FileAccess {
  readonly readText: ReadText;
  readonly readBytes: ReadBytes;
  /**
   * Whether a certificate and a private key, PEM texts, are a pair. @throws when one of them cannot be parsed. Left out: not
   * checked before the listener starts.
   */
  readonly isPair?: (cert: string, key: string) => boolean;
}

/** Checks that the files that the configuration names can be read and hold what they should. */
export async function checkFiles(
  config: Config,
  files: readonly FileMention[],
  access: FileAccess,
  report: Report,
): Promise<void> {
  const found = await Promise.all(
    files.map(async ({ file, holds }) =>
      holds === "FileDescriptorSet" ? wrongWithSet(file, access) : wrongWith(file, holds, access.readText),
    ),
  );
  found.forEach((wrong, index) => {
    if (wrong !== null) report.add(files[index].path, `"${files[index].file}" ${wrong}`);
  });
  await Promise.all([
    ...config.listeners.map(({ tls }, index) => checkPair(tls, `listeners[${index}].tls`, access, report)),
    ...config.backends.map(({ tls }, index) => checkPair(tls, `backends[${index}].tls`, access, report)),
  ]);
}

async function checkPair(
  { certFile, keyFile }: Partial<Pick<BackendTls, "certFile" | "keyFile">> = {},
  path: string,
  access: FileAccess,
  report: Report,
): Promise<void> {
  if (certFile === undefined || keyFile === undefined || access.isPair === undefined) return;
  if (report.has(`${path}.certFile`) || report.has(`${path}.keyFile`)) return;
  try {
    const [cert, key] = await Promise.all([access.readText(certFile), access.readText(keyFile)]);
    if (!access.isPair(cert, key)) {
      report.add(
        `${path}.keyFile`,
        `"${keyFile}" is not the key of the certificate in "${certFile}"; name the one that is`,
      );
    }
  } catch (error) {
    report.add(path, `certificate and key cannot be used: ${reason(error)}; make them anew as PEM files`);
  }
}

async function wrongWith(file: string, holds: FileMention["holds"], readText: ReadText): Promise<string | null> {
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    return `cannot be read: ${reason(error)}`;
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    return "is encrypted with a passphrase; store the key without one, readable by the gateway alone";
  }
  const begin =
    holds === "CERTIFICATE" ? /-----BEGIN (TRUSTED )?CERTIFICATE-----/ : /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;
  if (begin.test(text)) return null;
  const other = /-----BEGIN ([A-Z ]+)-----/.exec(text)?.[1];
  return `holds ${other === undefined ? "no PEM text" : `a ${other}`}; it must hold a ${holds} in PEM form`;
}

async function wrongWithSet(file: string, { readBytes }: FileAccess): Promise<string | null> {
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(file);
  } catch (error) {
    return `cannot be read: ${reason(error)}`;
  }
  const right = "write it with `buf build -o FILE` or `protoc --descriptor_set_out=FILE --include_imports`";
  let set: FileDescriptorSet;
  try {
    set = fromBinary(FileDescriptorSetSchema, bytes);
  } catch {
    return `is no FileDescriptorSet in binary form; ${right}`;
  }
  if (set.file.length === 0) return `holds no descriptors; ${right}`;
  try {
    // Imports and types that are missing are found only here.
    createFileRegistry(set);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return `is incomplete: ${message.slice(0, 1).toLowerCase()}${message.slice(1)}; ${right}`;
  }
}

/** Node writes `ENOENT: no such file or directory, open '/x'`; the path has been said already. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^[A-Z]+: /, "")
    .replace(/, [a-z]+( '.*')?$/, "")
    .replace(/: [a-z]+ '.*'$/, "");
}
