import type { Rule } from "./defaults.ts";
import { formatDuration, guessDuration, parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";

/** What stands in the source for one field. */
export interface Written {
  /** As YAML sees it: text, number, boolean, null, or something else. */
  readonly value: unknown;
  /** As it is written, without quotes. */
  readonly text: string;
}

/** The value for the message; or what is wrong with it, and what would be right. */
export type Checked = { readonly value: string | number | boolean } | { readonly error: string };

/** Checks one value against its rule. Never throws. */
export function checkScalar(written: Written, rule: Rule): Checked {
  if (written.value === null || written.value === undefined) {
    return { error: "has no value; give it one, or remove the line" };
  }
  switch (rule.kind) {
    case "count":
      return checkCount(written, rule);
    case "switch":
      return typeof written.value === "boolean"
        ? { value: written.value }
        : { error: `${show(written)} is neither true nor false` };
    case "duration":
      return checkDuration(written, rule);
    case "choice":
      return checkChoice(written, rule.of);
    case "text":
      return checkText(written, rule);
    case "file":
      return checkText(written, {});
  }
}

/** What a count or a duration may be, for people. */
export function bounds(rule: Rule & { readonly kind: "count" | "duration" }): string {
  const [min, max] =
    rule.kind === "count" ? [rule.min, rule.max] : [formatDuration(rule.min), formatDuration(rule.max)];
  return `${min} to ${max}`;
}

function checkCount(written: Written, rule: Rule & { readonly kind: "count" }): Checked {
  // Quoted numbers are taken, as by the JSON form of protobuf: templates often quote everything.
  const digits = typeof written.value === "string" && /^[0-9]{1,15}$/.test(written.value);
  const value = digits ? Number(written.value) : written.value;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    const bytes = /^([0-9]{1,9})([KMG])i?B?$/i.exec(written.text);
    const shift = bytes === null ? 0 : { K: 1, M: 2, G: 3 }[bytes[2].toUpperCase() as "K" | "M" | "G"];
    const guess = bytes === null ? "" : `; did you mean ${Number(bytes[1]) * 1024 ** shift}?`;
    return { error: `${show(written)} is not a whole number${guess}` };
  }
  if (value < rule.min || value > rule.max) return { error: `${value} is out of range; it must be ${bounds(rule)}` };
  return { value };
}

function checkDuration(written: Written, rule: Rule & { readonly kind: "duration" }): Checked {
  const ms = typeof written.value === "string" ? parseDuration(written.value) : null;
  if (ms === null) {
    const guess = guessDuration(written.text);
    const right = guess === null ? "write it like 250ms, 5s or 1m30s" : `did you mean ${guess}?`;
    return { error: `${show(written)} is not a duration; ${right}` };
  }
  if (ms < rule.min || ms > rule.max) {
    return { error: `${formatDuration(ms)} is out of range; it must be ${bounds(rule)}` };
  }
  return { value: written.text };
}

function checkChoice(written: Written, choices: readonly string[]): Checked {
  if (typeof written.value === "string" && choices.includes(written.value)) return { value: written.value };
  const guess = nearest(written.text, choices);
  const right = guess === null ? `it must be one of ${choices.join(", ")}` : `did you mean ${guess}?`;
  return { error: `${show(written)} is unknown; ${right}` };
}

function checkText(written: Written, rule: { readonly pattern?: RegExp; readonly like?: string }): Checked {
  const { value } = written;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") {
    return { error: `${show(written)} is a ${typeof value}; put it in quotes to make it text: "${written.text}"` };
  }
  if (typeof value !== "string") return { error: "is not text" };
  if (value === "") return { error: "is empty; give it a value, or remove the line" };
  if (rule.pattern !== undefined && !rule.pattern.test(value)) {
    return { error: `${show(written)} is not allowed here; it must be ${rule.like}` };
  }
  return { value };
}

/** In quotes if it is text, shortened, on one line. */
function show({ value, text }: Written): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return typeof value === "string" ? JSON.stringify(short) : short;
}
