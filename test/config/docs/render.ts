import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type Rule, ruleOf } from "../../../src/config/defaults.ts";
import { describeDuration, helpText } from "../../../src/config/flags.ts";
import { bounds } from "../../../src/config/scalar.ts";
import { ConfigSchema } from "../../../src/gen/fairlead/config/v1/config_pb.ts";
import { protoComments } from "./proto-comments.ts";

/** The text of docs/configuration.md. @param proto source of config.proto; @param example a file that is right */
export function renderDocs(proto: string, example: string): string {
  const comments = protoComments(proto);
  return `<!-- Printed by \`npm run docs:config\` from src/config and proto/fairlead/config/v1/config.proto. Do not edit. -->

# Configuration

\`fairlead TARGET\` needs no file. Flags and file have the same defaults and the same checks. \`fairlead check --config FILE\`
tells everything that is wrong, and \`fairlead --config FILE\` does not start before nothing is:

\`\`\`
fairlead.yaml:3:11: listeners[0].port: 80800 is out of range; it must be 0 to 65535
fairlead.yaml:9:13: backends[0].policy: "round-robn" is unknown; did you mean round_robin?
\`\`\`

## Flags

\`\`\`
${helpText()}\`\`\`

Beside \`--config\` only \`--admin\`, \`--drain-*\`, \`--log-*\` and \`--access-log\` may be given; they take the place of what the file says.

## The file

YAML or JSON. Its schema is the message \`fairlead.config.v1.Config\`, in the words of the Gateway API's GRPCRoute.

\`\`\`yaml
${example}\`\`\`

- Fields may be written \`backendRefs\` or \`backend_refs\`. A field that is left out has its default. A field without a value,
  an unknown one and one that stands twice are errors.
- Times are written like \`250ms\`, \`5s\` or \`1m30s\` (the Gateway API's GEP-2257). Sizes are whole numbers of bytes.
- Files are read relative to the folder of the configuration file, once, at the start; a descriptor set
  also when it changes.
- Regular expressions are JavaScript's, compared with the whole value. They run on what clients send: leave out nested
  repetitions such as \`(a+)+\`, which can take for ever.

${sections(ConfigSchema, "")
  .map(({ path, message }, at, all) => {
    const first = all.findIndex((one) => one.message === message);
    return first < at ? `### \`${path}\`\n\nAs \`${all[first].path}\`.` : section(path, message, comments);
  })
  .join("\n\n")}
`;
}

interface Section {
  readonly path: string;
  readonly message: DescMessage;
}

/** The message and all that are in it, in the order of the fields. */
function sections(message: DescMessage, path: string): readonly Section[] {
  const inner = message.fields.flatMap((field) => {
    if (field.message === undefined) return [];
    const step = field.fieldKind === "list" ? `${field.jsonName}[]` : field.jsonName;
    return sections(field.message, path === "" ? step : `${path}.${step}`);
  });
  return [{ path, message }, ...inner];
}

function section(path: string, message: DescMessage, comments: ReadonlyMap<string, string>): string {
  const rows = message.fields.map((field) => {
    const rule = ruleOf(message.name, field.localName);
    const cells = [
      `\`${field.jsonName}\``,
      kind(field, rule),
      fallback(rule),
      asWritten(said(comments, `${message.name}.${field.name}`), message),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return `### ${path === "" ? "Top level" : `\`${path}\``}

${said(comments, message.name)}

| field | value | default | meaning |
|---|---|---|---|
${rows.join("\n")}`;
}

/** The .proto names its fields otherwise than the page does. */
function asWritten(comment: string, { fields }: DescMessage): string {
  return comment.replaceAll(/`(\w+)`/g, (span, name) => {
    const field = fields.find((one) => one.name === name);
    return field === undefined ? span : `\`${field.jsonName}\``;
  });
}

function said(comments: ReadonlyMap<string, string>, name: string): string {
  const comment = comments.get(name);
  if (comment === undefined || comment === "") throw new Error(`config.proto says nothing of ${name}`);
  return comment;
}

function kind(field: DescField, rule: Rule | undefined): string {
  if (rule === undefined) return field.fieldKind === "list" ? "list" : "fields";
  const one = valueKind(rule);
  return field.fieldKind === "list" ? `list of ${one}` : one;
}

function valueKind(rule: Rule): string {
  switch (rule.kind) {
    case "count":
      return `${bounds(rule)}`;
    case "duration":
      return `time, ${bounds(rule)}`;
    case "choice":
      return rule.of.map((choice) => `\`${choice}\``).join(", ");
    case "switch":
      return "`true`, `false`";
    case "file":
      return rule.holds === "FileDescriptorSet" ? "binary file" : `PEM file with a ${rule.holds}`;
    case "text":
      return "text";
  }
}

function fallback(rule: Rule | undefined): string {
  if (rule === undefined) return "";
  if ("required" in rule) return "needed";
  if (rule.kind === "duration") return `\`${describeDuration(rule)}\``;
  return "default" in rule && rule.default !== null ? `\`${rule.default}\`` : "";
}
