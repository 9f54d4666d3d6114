/** `fairlead/fetch/lambda`: a fetch handler behind an AWS Lambda function URL whose InvokeMode is RESPONSE_STREAM. */

/** What is read of a function URL's request, payload format 2.0. */
export interface LambdaEvent {
  /** The path, percent-encoded as it came. */
  readonly rawPath: string;
  /** Without the question mark. */
  readonly rawQueryString: string;
  /** Lower case; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Each `name=value`; Lambda takes them out of the headers. */
  readonly cookies?: readonly string[];
  /** Left out when the request has none. */
  readonly body?: string;
  /** How `body` is to be read: base64, or text. */
  readonly isBase64Encoded: boolean;
  /** The function's own host, and the method. */
  readonly requestContext: { readonly domainName: string; readonly http: { readonly method: string } };
}

/** A writable stream of Node's, as far as it is used here. */
export interface LambdaStream {
  /** Sends bytes. @returns false when `drain` is to be waited for */
  write(chunk: Uint8Array | string): boolean;
  /** No more is written. */
  end(): void;
  /** Calls the listener at every such event. */
  on(event: "close" | "drain" | "error", listener: () => void): unknown;
}

/** The global that Lambda's Node runtimes have. */
export interface AwsLambda {
  /** Makes a handler whose answer streams. */
  streamifyResponse(handler: (event: LambdaEvent, stream: LambdaStream) => Promise<void>): unknown;
  /** Puts the answer's head in front of its body. */
  readonly HttpResponseStream: {
    from(
      stream: LambdaStream,
      metadata: {
        readonly statusCode: number;
        readonly headers: Readonly<Record<string, string>>;
        readonly cookies: readonly string[];
      },
    ): LambdaStream;
  };
}

/**
 * The function's handler. Requests come whole, up to 6 MB, so client streams are answered when they have ended; answers stream.
 * @throws when Lambda's global is missing: outside of Lambda
 */
export function createLambdaHandler(app: { fetch(request: Request): Response | Promise<Response> }): unknown {
  const { awslambda } = globalThis as { awslambda?: AwsLambda };
  if (awslambda === undefined)
    throw new Error("awslambda is not defined: this runs in AWS Lambda's Node runtimes only");
  return awslambda.streamifyResponse(async (event, raw) => {
    const gone = new AbortController();
    const writer = new Writer(raw, () => gone.abort());
    const request = requestOf(event, gone.signal);
    const response = typeof request === "string" ? refusal(request) : await app.fetch(request);
    writer.begin(awslambda.HttpResponseStream.from(raw, metadataOf(response)));
    await writer.writeAll(response.body);
  });
}

/** @returns what is wrong with it, for TRACE, and for headers and bodies that are none */
function requestOf(event: LambdaEvent, signal: AbortSignal): Request | string {
  const { method } = event.requestContext.http;
  try {
    const headers = new Headers();
    for (const [name, value] of Object.entries(event.headers)) if (value !== undefined) headers.set(name, value);
    if (event.cookies !== undefined && event.cookies.length > 0) headers.set("cookie", event.cookies.join("; "));
    const query = event.rawQueryString === "" ? "" : `?${event.rawQueryString}`;
    const url = `https://${event.requestContext.domainName}${event.rawPath}${query}`;
    const bodyless = method === "GET" || method === "HEAD";
    return new Request(url, { method, headers, signal, ...(bodyless ? {} : { body: bodyOf(event) }) });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The function does not fail by what a client sends. */
function refusal(problem: string): Response {
  return new Response(`fairlead: the request cannot be read: ${problem}\n`, { status: 400 });
}

function bodyOf({ body = "", isBase64Encoded }: LambdaEvent): Uint8Array<ArrayBuffer> | string {
  if (!isBase64Encoded) return body;
  const text = atob(body);
  const bytes = new Uint8Array(text.length);
  // A function for each byte costs twenty times as much: 350 ms for the largest body, in place of 17.
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function metadataOf(response: Response): Parameters<AwsLambda["HttpResponseStream"]["from"]>[1] {
  const headers: Record<string, string> = {};
  for (const [name, value] of response.headers) if (name !== "set-cookie") headers[name] = value;
  return { statusCode: response.status, headers, cookies: response.headers.getSetCookie() };
}

/** Writes an answer's body as fast as Lambda takes it. */
class Writer {
  #stream: LambdaStream;
  #gone = false;
  #ended = false;
  #resume: (() => void) | null = null;

  /** @param left called when the stream closes before its end */
  constructor(raw: LambdaStream, left: () => void) {
    this.#stream = raw;
    const close = (): void => {
      if (this.#ended) return;
      this.#gone = true;
      this.#go();
      left();
    };
    raw.on("close", close);
    raw.on("error", close);
    raw.on("drain", () => this.#go());
  }

  begin(stream: LambdaStream): void {
    this.#stream = stream;
  }

  async writeAll(body: ReadableStream<Uint8Array> | null): Promise<void> {
    const reader = body?.getReader();
    // The head is sent with the first write, also when that is empty.
    this.#stream.write("");
    try {
      while (reader !== undefined && !this.#gone) {
        const { done, value } = await reader.read();
        if (done || this.#gone) break;
        if (this.#stream.write(value)) continue;
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
        });
      }
      this.#stream.end();
    } finally {
      // An answer that breaks is not ended: Lambda tells its client so when the handler fails.
      if (this.#gone) reader?.cancel().catch(() => {});
      this.#ended = true;
    }
  }

  #go(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }
}
