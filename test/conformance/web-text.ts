/**
 * grpc-web-text, which the suite does not know: stands between the suite's reference client, which speaks binary gRPC-Web, and
 * the gateway, to which it speaks the same calls in text. So all of the suite's gRPC-Web cases are there for the text form,
 * with the suite's own expectations. Only base64 and the content-types are changed.
 *
 * Arguments: HTTP version (1 or 2) and the gateway's host and port. Prints its own port. Ends with its standard input.
 */
import { appendFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { TextDecoding, TextEncoding } from "./base64-stream.ts";

const [version, host, port] = process.argv.slice(2);
const server = version === "1" ? createHttp1() : createHttp2();
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.stdin.resume().once("end", () => process.exit(0));

/** Differs from call to call, so that bodies are cut in many ways. */
let calls = 0;

function toText(contentType: string): string {
  const text = contentType.replace(/^application\/grpc-web(?!-text)/, "application/grpc-web-text");
  const line = `sent in text\tHTTP/${version}\tPOST\t${text}\n`;
  if (!seen.has(line)) appendFileSync(process.env.FAIRLEAD_SEEN ?? "/dev/null", line);
  seen.add(line);
  return text;
}

const seen = new Set<string>();

/** @throws when a gRPC-Web answer is not in text: the gateway must answer in the form of the request */
function toBinary(contentType: string): string {
  if (/^application\/grpc-web(?!-text)/.test(contentType)) throw new Error(`answered in ${contentType}`);
  return contentType.replace(/^application\/grpc-web-text/, "application/grpc-web");
}

function encodeInto(from: Readable, to: Writable): void {
  const encoding = new TextEncoding(calls++);
  from.on("data", (chunk: Uint8Array) => {
    for (const write of encoding.encode(chunk)) to.write(write);
  });
  from.on("end", () => to.end());
}

/** @param broken the answer cannot be understood */
function decodeInto(from: Readable, to: Writable, text: boolean, broken: (error: Error) => void): void {
  const decoding = new TextDecoding();
  from.on("data", (chunk: Uint8Array) => {
    try {
      to.write(text ? decoding.decode(chunk) : chunk);
    } catch (error) {
      broken(error as Error);
    }
  });
  from.on("end", () => {
    try {
      if (text) decoding.finish();
      to.end();
    } catch (error) {
      broken(error as Error);
    }
  });
}

function say(error: Error): void {
  process.stderr.write(`web-text: ${error.message}\n`);
}

function createHttp1(): http.Server {
  const agent = new http.Agent({ keepAlive: true });
  return http.createServer((request, response) => {
    const headers: string[] = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      const name = request.rawHeaders[i];
      const value = request.rawHeaders[i + 1];
      if (/^(?:content-length|transfer-encoding|connection)$/i.test(name)) continue;
      headers.push(name, /^content-type$/i.test(name) ? toText(value) : value);
    }
    const { method = "GET", url = "/" } = request;
    const bodyless = method === "GET" || method === "HEAD";
    if (!bodyless) headers.push("transfer-encoding", "chunked");
    const outgoing = http.request({ host, port, method, path: url, headers, agent });
    const broken = (error: Error): void => {
      // A client that has gone breaks the rest off, too, and that is nobody's fault.
      if (!response.destroyed) say(error);
      response.destroy(error);
      outgoing.destroy();
    };
    if (bodyless) outgoing.end();
    else encodeInto(request, outgoing);
    outgoing.on("error", (error) => {
      if (!response.headersSent) broken(error);
    });
    response.on("close", () => outgoing.destroy());
    outgoing.on("response", (answer) => {
      try {
        const type = answer.headers["content-type"] ?? "";
        const fields: string[] = [];
        for (let i = 0; i < answer.rawHeaders.length; i += 2) {
          const name = answer.rawHeaders[i];
          const value = answer.rawHeaders[i + 1];
          if (/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name)) continue;
          fields.push(name, /^content-type$/i.test(name) ? toBinary(value) : value);
        }
        response.writeHead(answer.statusCode ?? 500, fields);
        response.flushHeaders();
        answer.on("error", broken);
        decodeInto(answer, response, /grpc-web-text/.test(type), broken);
      } catch (error) {
        broken(error as Error);
      }
    });
  });
}

function createHttp2(): http2.Http2Server {
  let session: http2.ClientHttp2Session | null = null;
  const connected = (): http2.ClientHttp2Session => {
    if (session === null || session.closed || session.destroyed) {
      session = http2.connect(`http://${host}:${port}`);
      session.on("error", say);
    }
    return session;
  };
  const server = http2.createServer();
  server.on("stream", (stream, headers) => {
    const sent: http2.OutgoingHttpHeaders = { ...headers };
    if (sent["content-type"] !== undefined) sent["content-type"] = toText(String(sent["content-type"]));
    delete sent["content-length"];
    const endStream = stream.endAfterHeaders;
    const outgoing = connected().request(sent, { endStream });
    const broken = (error: Error): void => {
      say(error);
      stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      outgoing.close(http2.constants.NGHTTP2_CANCEL);
    };
    if (!endStream) encodeInto(stream, outgoing);
    stream.on("error", () => {});
    outgoing.on("error", () => {});
    // A reset is a reset, either way.
    stream.on("aborted", () => outgoing.close(http2.constants.NGHTTP2_CANCEL));
    outgoing.on("close", () => {
      if (outgoing.rstCode !== http2.constants.NGHTTP2_NO_ERROR) stream.close(outgoing.rstCode);
    });
    outgoing.on("response", (answer) => {
      try {
        const type = String(answer["content-type"] ?? "");
        const fields: http2.OutgoingHttpHeaders = { ...answer };
        if (type !== "") fields["content-type"] = toBinary(type);
        delete fields["content-length"];
        stream.respond(fields);
        decodeInto(outgoing, stream, /grpc-web-text/.test(type), broken);
      } catch (error) {
        broken(error as Error);
      }
    });
  });
  return server;
}
