import { Hono } from "hono";
import { refusalOf } from "./refusal.ts";

const app = new Hono();

app.all("*", (context) => {
  const contentType = context.req.header("content-type") ?? "";
  if (/^application\/grpc(?:[+;\s]|$)/i.test(contentType)) {
    // RFC 9110 15.5.22: the client has to use another protocol, named by Upgrade.
    return context.text(
      "fairlead: gRPC needs HTTP/2 from end to end, and this request came over HTTP/1.1. Use a gRPC client with HTTP/2: " +
        "by prior knowledge in plaintext, by ALPN with TLS.\n",
      426,
      { upgrade: "h2c", connection: "upgrade" },
    );
  }
  const { status, headers, body } = refusalOf({ httpMethod: context.req.method, contentType });
  return new Response(context.req.method === "HEAD" ? null : body, {
    status,
    headers: [
      ...headers.map(([name, value]): [string, string] => [name, value]),
      ["content-type", "text/plain; charset=utf-8"],
    ],
  });
});

/** Answers an HTTP/1.1 request. */
export function answerHttp1(request: Request): Response | Promise<Response> {
  return app.fetch(request);
}
