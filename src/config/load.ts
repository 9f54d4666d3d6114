import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Document } from "yaml";
import { ConfigSchema } from "../gen/fairlead/config/v1/config_pb.ts";
import { checkConfig } from "./check.ts";
import { checkFiles, type FileAccess } from "./check-files.ts";
import { type FilePlaces, parseConfigText, reportSyntax } from "./document.ts";
import type { Given } from "./given.ts";
import { makeSettings } from "./make-settings.ts";
import { overlay } from "./overlay.ts";
import { createMessageReader } from "./read-message.ts";
import { createReport, type Problem, type Report } from "./report.ts";
import type { Settings } from "./settings.ts";

/** The settings; or everything that is wrong, in the order of the source, and then nothing starts. */
export type Loaded = { readonly settings: Settings } | { readonly problems: readonly Problem[] };

/**
 * Reads a configuration file.
 * @param file its path, for messages and for the files it names
 * @param given what flags say in its place
 */
export async function loadText(
  file: string,
  text: string,
  given: readonly Given[],
  access: FileAccess,
): Promise<Loaded> {
  const document = parse(file, text);
  if ("problems" in document) return document;
  const places = overlay(document.tree, document.places, given);
  const report = createReport(places);
  if (!reportSyntax({ tree: document.tree, places }, report)) return { problems: report.problems() };
  const folder = file.slice(0, Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  return loadTree(document.tree, places, folder, report, access);
}

/** Reads a configuration that is a tree already: from flags. */
export async function loadTree(
  tree: Document,
  places: FilePlaces,
  folder: string,
  report: Report,
  access: FileAccess,
): Promise<Loaded> {
  const reader = createMessageReader(tree, places, folder, report);
  const plain = reader.read(tree.contents, ConfigSchema, "");
  const config = create(ConfigSchema, plain as MessageInitShape<typeof ConfigSchema>);
  checkConfig(config, report);
  await checkFiles(config, reader.files, access, report);
  const problems = report.problems();
  return problems.length > 0 ? { problems } : { settings: makeSettings(config) };
}

function parse(file: string, text: string): ReturnType<typeof parseConfigText> | { problems: readonly Problem[] } {
  try {
    return parseConfigText(file, text);
  } catch (error) {
    // The library recurses: thousands of brackets in brackets exhaust the stack.
    const message = error instanceof Error ? error.message : String(error);
    return { problems: [{ where: `${file}:1:1`, what: `cannot be read as YAML: ${message.toLowerCase()}` }] };
  }
}
