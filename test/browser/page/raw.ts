import type { Pair } from "./spec.ts";

/** Requests without a library: what the gateway itself answers, and what the browser lets a page see of it. */

export interface RawRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: readonly Pair[];
  /** Text, or bytes as numbers. */
  readonly body?: string | readonly number[];
  readonly credentials?: RequestCredentials;
}

export type RawAnswer =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string }
  /** All that a page is told when CORS forbids it to look. */
  | { readonly failed: string };

export async function fetchRaw(request: RawRequest): Promise<RawAnswer> {
  try {
    const { body } = request;
    const response = await fetch(request.url, {
      method: request.method ?? "POST",
      headers: request.headers?.map(([name, value]) => [name, value] as [string, string]) ?? [],
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : Uint8Array.from(body) }),
      ...(request.credentials === undefined ? {} : { credentials: request.credentials }),
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: new TextDecoder("latin1").decode(await response.arrayBuffer()),
    };
  } catch (error) {
    return { failed: String(error) };
  }
}

/** React Native's fetch stands on XMLHttpRequest, which adds a charset to the type of a text. */
export function xhrRaw(request: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", request.url);
    for (const [name, value] of request.headers ?? []) xhr.setRequestHeader(name, value);
    xhr.onload = () => resolve({ status: xhr.status, headers: {}, text: xhr.responseText });
    xhr.onerror = () => resolve({ failed: "error" });
    xhr.send(typeof request.body === "string" ? request.body : null);
  });
}
