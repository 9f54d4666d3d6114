/** The part of Cloudflare Workers' TCP sockets that is used here. */
declare module "cloudflare:sockets" {
  export interface Socket {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    /** Rejects when the connection cannot be made. */
    readonly opened: Promise<unknown>;
    readonly closed: Promise<void>;
    close(): Promise<void>;
  }
  export function connect(
    address: { readonly hostname: string; readonly port: number },
    options?: { readonly secureTransport?: "off" | "on" | "starttls"; readonly allowHalfOpen?: boolean },
  ): Socket;
}
