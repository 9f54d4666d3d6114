import type { Budget } from "../../../src/http2/budget.ts";
import { ClientConnection } from "../../../src/http2/client-connection.ts";
import type { Flusher } from "../../../src/http2/flusher.ts";
import { defaultKeepalive } from "../../../src/http2/keepalive.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../../src/http2/limits.ts";
import { requestFields } from "./fields.ts";
import { Party } from "./party.ts";

/** A client with one HTTP/2 connection to the gateway. */
export class TestClient {
  readonly connection: ClientConnection;
  /** What happened to the connection: `ready`, `goaway`, `closed: why`. */
  readonly events: string[] = [];

  constructor(options: { readonly flusher: Flusher; readonly budget: Budget }, limits: Partial<Http2Limits> = {}) {
    this.connection = new ClientConnection(
      {
        ...options,
        limits: { ...defaultHttp2Limits, ...limits },
        keepalive: defaultKeepalive,
        assumedConcurrentStreams: 100,
      },
      {
        ready: () => this.events.push("ready"),
        capacity: () => {},
        goaway: () => this.events.push("goaway"),
        closed: (_connection, reason) => this.events.push(`closed: ${reason}`),
      },
    );
    // Clients need not heed what the gateway says that it takes; ours towards pods do.
    Object.defineProperty(this.connection, "peerMaxHeaderListBytes", {
      get: () => Number.POSITIVE_INFINITY,
      set: () => {},
    });
  }

  /** Begins a call: sends its head. */
  open(fields: readonly string[] = requestFields(), neverIndexed: readonly number[] | null = null): Party {
    const party = new Party();
    party.attach(this.connection.open(party));
    return party.sendHead(fields, neverIndexed);
  }

  /** A unary call, sent whole. */
  unary(body: Uint8Array | null = null, fields: readonly string[] = requestFields()): Party {
    const party = this.open(fields);
    if (body !== null) party.send(body);
    return party.finish();
  }
}
