import { METHODS } from "node:http";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasLlhttp, readWithLlhttp } from "./support/llhttp.ts";
import { cut, mutations, pieces, requests } from "./support/requests.ts";
import { Rig } from "./support/rig.ts";

/** fast-check prints the seed of a failure; SEED repeats it. */
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };
if (!hasLlhttp) console.log("skipped: HTTP/1.1 compared with llhttp: this runtime has none");

/**
 * Where we take what llhttp refuses. None of it moves the end of a message.
 * @param method of the request that only we see
 */
function knownToBeTaken(error: string, method: string, text: string): boolean {
  switch (error) {
    case "HPE_INVALID_METHOD":
      // RFC 9110 9.1: any token is a method. Whose nobody knows, gets 404 or 405.
      return !METHODS.includes(method);
    case "HPE_INVALID_URL":
      // A path with bytes above ASCII is none of a call, and that is said in the call's protocol.
      return / \/[!-~\x80-\xff]*[\x80-\xff]/.test(text);
    case "HPE_INVALID_TRANSFER_ENCODING":
      // RFC 9110 5.5: tabs around a value do not belong to it.
      return /transfer-encoding:[^\r]*\t/i.test(text);
    case "HPE_INVALID_CHUNK_SIZE":
      // RFC 9112 7.1.1: blanks before the semicolon.
      return /[0-9a-f][ \t]+;/i.test(text);
    case "HPE_STRICT":
      // RFC 9112 7.1.1: a quoted string has any text; llhttp takes ASCII only.
      return /;[^\r]*[\x80-\xff]/.test(text);
    default:
      return false;
  }
}

describe("HTTP/1.1, any requests", () => {
  test("what was sent is what is read, in order, wherever it is cut and whenever it is answered", async () => {
    await fc.assert(
      fc.asyncProperty(requests, pieces, fc.boolean(), async (models, sizes, late) => {
        const r = new Rig();
        if (!late) r.onEnd = (request) => request.answer(request.body.slice(0, 5));
        let answered = 0;
        const answerOne = () => {
          const next = r.requests[answered];
          if (next?.ended !== true) return;
          answered++;
          next.answer(next.body.slice(0, 5));
        };
        let text = "";
        for (const part of cut(models.map(({ wire }) => wire).join(""), sizes)) {
          r.give(part);
          if (late) answerOne();
          text += r.sent();
        }
        for (let i = 0; late && i < models.length; i++) answerOne();
        text += r.sent();
        expect(r.failures).toEqual([]);
        expect(r.requests.map(({ method, path, body, ended }) => [method, path, body, ended])).toEqual(
          models.map(({ method, path, body }) => [method, path, body, true]),
        );
        r.requests.forEach(({ fields }, i) => {
          const { host, fields: given } = models[i];
          expect(fields.slice(6, 8)).toEqual([":authority", host]);
          const regular = [];
          for (let at = 8; at < fields.length; at += 2) {
            if (fields[at] !== "content-length") regular.push([fields[at], fields[at + 1]]);
          }
          expect(regular).toEqual(given);
        });
        const bodies = text.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*\r\n/s).slice(1);
        expect(bodies).toEqual(models.map(({ method, body }) => (method === "HEAD" ? "" : body.slice(0, 5))));
        await r.finish();
      }),
      { numRuns: 300, ...seed },
    );
  });

  const mutated = fc
    .tuple(requests, mutations)
    .map(([models, changes]) =>
      changes.reduce((text, change) => change(text), models.map(({ wire }) => wire).join("")),
    );

  test("no bytes are answered by a crash, and nothing stays open", async () => {
    await fc.assert(
      fc.asyncProperty(
        mutated,
        pieces,
        fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 20 }),
        async (text, sizes, choices) => {
          const r = new Rig({ stallTimeout: 2_000 });
          let turn = 0;
          const choose = () => choices[turn++ % choices.length];
          r.consumes = choose() > 2;
          // Answers come in whole, in pieces, before the request has ended, not at all, or break off.
          const act = (when: "head" | "data" | "end") => (request: (typeof r.requests)[number]) => {
            const { exchange } = request;
            if (exchange.over) return;
            const choice = choose();
            if (when === "end" ? choice > 1 : choice === 5) request.answer("ok");
            else if (choice === 1 && when === "end") {
              if (!exchange.begun) exchange.head({ fields: [":status", "200"], neverIndexed: null, memo: undefined });
              exchange.data(new Uint8Array([1, 2, 3]), 0, 3);
            } else if (choice === 4 && when === "data") {
              exchange.abort({ by: "reset", code: 8, unprocessed: false, message: "" });
            }
          };
          r.onHead = act("head");
          r.onData = act("data");
          r.onEnd = act("end");
          r.stream.autoDrain = choose() > 1;
          for (const part of cut(text, sizes)) {
            if (r.stream.endedByOwner || r.stream.isClosed) break;
            r.give(part);
            if (choose() > 2) r.sent();
            if (choose() === 0) r.connection.sweep(1_000);
            if (choose() === 0)
              for (const request of r.requests) if (!request.exchange.over && request.ended) request.answer("late");
          }
          if (choose() === 0) r.stream.deliverEnd();
          if (choose() === 0) r.connection.drain();
          await r.finish();
        },
      ),
      { numRuns: 1_500, ...seed },
    );
  });

  test.skipIf(!hasLlhttp)("no request appears where node's parser sees none or another one", async () => {
    await fc.assert(
      fc.asyncProperty(mutated, pieces, async (text, sizes) => {
        const theirs = readWithLlhttp(text);
        const r = new Rig();
        r.onEnd = (request) => request.answer("ok");
        for (const part of cut(text, sizes)) r.give(part);
        r.turn();
        const ours = r.requests.filter(({ ended }) => ended).map(({ method, path, body }) => ({ method, path, body }));
        for (let i = 0; i < ours.length; i++) {
          const their = theirs.requests[i];
          if (their === undefined) {
            if (theirs.upgraded || knownToBeTaken(theirs.error, ours[i].method, text)) break;
            throw new Error(`ours ${i}: ${JSON.stringify(ours[i])}, llhttp: ${theirs.error}`);
          }
          expect({ method: ours[i].method, body: ours[i].body }).toEqual({ method: their.method, body: their.body });
        }
        await r.finish();
      }),
      { numRuns: 3_000, ...seed },
    );
  });
});
