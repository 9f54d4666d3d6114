import type { Attack } from "./attack.ts";
import { badFrameAttacks } from "./attacks/bad-frames.ts";
import { floodAttacks } from "./attacks/floods.ts";
import { headerAttacks } from "./attacks/headers.ts";
import { http1Attacks } from "./attacks/http1.ts";
import { manyAttacks } from "./attacks/many.ts";
import { memoryAttacks } from "./attacks/memory.ts";
import { resetAttacks } from "./attacks/resets.ts";
import { slowAttacks } from "./attacks/slow.ts";

/** By group; a name is only there once. */
export const groups: readonly { readonly name: string; readonly attacks: readonly Attack[] }[] = [
  { name: "Resets", attacks: resetAttacks },
  { name: "Floods", attacks: floodAttacks },
  { name: "Header blocks", attacks: headerAttacks },
  { name: "Slow peers", attacks: slowAttacks },
  { name: "Memory", attacks: memoryAttacks },
  { name: "Many", attacks: manyAttacks },
  { name: "Bad frames", attacks: badFrameAttacks },
  { name: "HTTP/1.1", attacks: http1Attacks },
];
