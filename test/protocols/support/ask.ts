import type { World } from "../../gateway/support/world.ts";

/** The ways in: the HTTP/2 engine, the HTTP/1.1 engine, and fetch's form, which serverless platforms take. */
export const ways = ["HTTP/2", "HTTP/1.1", "fetch"] as const;
export type Way = (typeof ways)[number];

/** A request as an app sends it. */
export interface Asked {
  readonly method?: string;
  /** With its query. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | null;
}

/** What the app gets. */
export interface Answer {
  readonly status: number;
  /** Every line of the name; over fetch all of them are one. */
  lines(name: string): readonly string[];
  /** The lines as one value, as a browser sees it; null when there is none. */
  header(name: string): string | null;
  readonly body: Uint8Array;
  readonly text: string;
}

const defaults = { method: "POST", path: "/test.Echo/Unary", body: null } as const;

/**
 * Sends a request whole and waits for its answer.
 * @param wait how long the clock is moved after the request has arrived, in milliseconds
 */
export async function ask(world: World, way: Way, asked: Asked, wait = 0): Promise<Answer> {
  const { lines, status, body } = await over[way](world, asked, wait);
  return {
    status,
    lines,
    header: (name) => (lines(name).length === 0 ? null : lines(name).join(", ")),
    body,
    text: new TextDecoder().decode(body),
  };
}

type Plain = Pick<Answer, "status" | "lines" | "body">;

async function overHttp2(world: World, asked: Asked, wait: number): Promise<Plain> {
  const { method, path, headers = {}, body } = { ...defaults, ...asked };
  const client = await world.client();
  const pseudo = [":method", method, ":scheme", "http", ":path", path, ":authority", "echo.test"];
  const call = client.open([...pseudo, ...Object.entries(headers).flat()]);
  if (body !== null) call.send(body);
  call.finish();
  await world.settle();
  if (wait > 0) await world.advance(wait);
  if (!call.ended) throw new Error(`no answer; what came: ${call.events.join(", ")} ${call.aborted?.message ?? ""}`);
  const { fields } = call;
  return {
    status: Number(fields[1]),
    lines: (name) => fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name),
    body: call.body,
  };
}

async function overHttp1(world: World, asked: Asked, wait: number): Promise<Plain> {
  const { method, path, headers = {}, body } = { ...defaults, ...asked };
  const client = await world.http1();
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = body === null ? "" : `content-length: ${body.length}\r\n`;
  client.write(`${method} ${path} HTTP/1.1\r\nhost: echo.test\r\n${lines.join("")}${length}\r\n`);
  if (body !== null) client.write(body);
  await world.settle();
  if (wait > 0) await world.advance(wait);
  const [answer] = client.answers([method]);
  if (answer === undefined) throw new Error(`no answer; what came: ${client.text}`);
  const { fields } = answer;
  return {
    status: answer.status,
    lines: (name) => fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name),
    body: new Uint8Array(answer.body),
  };
}

async function overFetch(world: World, asked: Asked, wait: number): Promise<Plain> {
  const { method, path, headers = {}, body } = { ...defaults, ...asked };
  const request = new Request(`http://echo.test${path}`, { method, headers, body: body as BodyInit | null });
  const answered = world.fetch(request);
  await world.settle();
  if (wait > 0) await world.advance(wait);
  const response = await answered;
  const read = response.bytes();
  await world.settle();
  const line = (name: string): string | null => response.headers.get(name);
  return {
    status: response.status,
    lines: (name) => (line(name) === null ? [] : [line(name) as string]),
    body: await read,
  };
}

const over: Readonly<Record<Way, (world: World, asked: Asked, wait: number) => Promise<Plain>>> = {
  "HTTP/2": overHttp2,
  "HTTP/1.1": overHttp1,
  fetch: overFetch,
};
