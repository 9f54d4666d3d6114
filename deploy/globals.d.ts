/** What the entries use of their runtimes; the runtimes' own types do not go together. */
declare const Deno: { readonly env: { get(name: string): string | undefined } };
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly idleTimeout: number;
    readonly maxRequestBodySize: number;
    fetch(request: Request): Response | Promise<Response>;
  }): { readonly port: number };
};
