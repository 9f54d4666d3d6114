import { okTrailers } from "../gateway/support/fields.ts";
import type { Party } from "../gateway/support/party.ts";
import { framed, PAYLOAD } from "./callers.ts";

/** Answers in the codec that it was asked in. */
export function answerWell(call: Party): void {
  const type = call.fields[call.fields.indexOf("content-type") + 1];
  call.sendHead([":status", "200", "content-type", type]).send(framed(PAYLOAD)).finish(okTrailers);
}
