/** One bound, for docs/limits.md. */
export interface LimitRow {
  /** A setting of `limits` or of a backend, or in words what is fixed. */
  readonly name: string;
  readonly bounds: string;
  readonly reference: string;
  /** What the peer gets to see when it goes beyond. */
  readonly peerSees: string;
  /** What is let through on purpose, because peers do it in good faith. */
  readonly allowed: string;
}

const calm = "GOAWAY ENHANCE_YOUR_CALM";

/** The settings under `limits`, in the order of docs/configuration.md. Their defaults are the configuration's. */
export const settings: readonly LimitRow[] = [
  {
    name: "maxConcurrentStreams",
    bounds: "calls at once of one connection",
    reference: "RFC 9113 5.1.2",
    peerSees: "RST_STREAM REFUSED_STREAM: safe to send again; each counts as a provoked reset",
    allowed: "1,000 refusals before our SETTINGS are acknowledged do not count: the client cannot know yet",
  },
  {
    name: "maxHeaderListBytes",
    bounds: "a header list, with 32 bytes for each field, also for those that come by index; twice as much on the wire",
    reference: "RFC 9113 6.5.2, CVE-2016-6581",
    peerSees: "RESOURCE_EXHAUSTED, or 431 in other protocols; GOAWAY COMPRESSION_ERROR at five times the limit",
    allowed: "a list that is over is decoded all the same, up to four limits more, so that the connection can go on",
  },
  {
    name: "maxHeaderFields",
    bounds: "fields of a header list, cookie crumbs and indexed ones included",
    reference: "CVE-2026-47774",
    peerSees: "RESOURCE_EXHAUSTED, or 431 in other protocols; GOAWAY COMPRESSION_ERROR at five times the limit",
    allowed: "as above",
  },
  {
    name: "maxContinuationFrames",
    bounds: "CONTINUATION frames of one header block, empty ones included",
    reference: "VU#421644",
    peerSees: calm,
    allowed: "-",
  },
  {
    name: "streamWindowBytes",
    bounds: "bytes of a call that may wait here, each direction",
    reference: "RFC 9113 6.9",
    peerSees: "flow control; RST_STREAM FLOW_CONTROL_ERROR when it is ignored",
    allowed: "until our SETTINGS are acknowledged the initial window of 65,535 counts, if it is larger",
  },
  {
    name: "connectionWindowBytes",
    bounds: "bytes under way to us on one connection",
    reference: "RFC 9113 6.9",
    peerSees: "flow control; GOAWAY FLOW_CONTROL_ERROR when it is ignored",
    allowed: "credit is given on receipt: a call that stalls does not stall the others",
  },
  {
    name: "maxBufferedBytes",
    bounds:
      "bodies in the memory of the whole process: half of it for what waits for windows and sockets, a quarter for copies for retries and for requests that no pod has yet (an eighth each), a quarter for messages held whole",
    reference: "-",
    peerSees:
      "waiting: no credit but for what goes straight on, and RST_STREAM ENHANCE_YOUR_CALM for a stream that holds much and stalls for a second or two; copies: no retry; requests that no pod has: resource_exhausted; whole messages: resource_exhausted for the one that was begun first",
    allowed: "calls whose readers keep up go on",
  },
  {
    name: "resetsPerSecond",
    bounds: "RST_STREAM received, of streams younger than a second or two",
    reference: "CVE-2023-44487",
    peerSees: calm,
    allowed: "older streams do not count: deadlines that expire together reset many",
  },
  {
    name: "resetsPerConnection",
    bounds: "RST_STREAM received in a connection's life",
    reference: "CVE-2023-44487",
    peerSees: "GOAWAY NO_ERROR, in order: calls finish",
    allowed: "-",
  },
  {
    name: "earlyResets",
    bounds: "RST_STREAM received before the response's head was sent",
    reference: "CVE-2023-44487",
    peerSees: "GOAWAY NO_ERROR, in order: calls finish",
    allowed: "every answered call earns one back; old streams do not count",
  },
  {
    name: "provokedResets",
    bounds: "RST_STREAM that the client made us send, in a connection's life",
    reference: "CVE-2025-8671, CVE-2019-9514",
    peerSees: calm,
    allowed: "RST_STREAM NO_ERROR after an answer that came before the end of the request does not count",
  },
  {
    name: "pingsPerSecond",
    bounds: "PING frames",
    reference: "CVE-2019-9512",
    peerSees: calm,
    allowed: "each DATA frame that we sent in the last two seconds earns one: gRPC measures bandwidth by PING",
  },
  {
    name: "settingsPerSecond",
    bounds: "SETTINGS frames",
    reference: "CVE-2019-9515",
    peerSees: calm,
    allowed: "-",
  },
  {
    name: "emptyDataPerSecond",
    bounds: "DATA frames without data, also with padding, and without END_STREAM",
    reference: "CVE-2019-9518",
    peerSees: calm,
    allowed: "-",
  },
  {
    name: "windowUpdatesPerSecond",
    bounds:
      "WINDOW_UPDATE frames on stream 0; and, ten times as many, frames that change nothing: on streams, PRIORITY, unknown types, unasked answers, anything for streams that are gone",
    reference: "CVE-2019-9511, CVE-2019-9513",
    peerSees: calm,
    allowed:
      "each DATA frame that we sent in the last two seconds earns one of both kinds; browsers send a PRIORITY_UPDATE a request",
  },
  {
    name: "headTimeout",
    bounds: "preface, TLS handshake, first SETTINGS, a header block or a frame of one, an HTTP/1.1 head",
    reference: "slowloris",
    peerSees: `closed, or ${calm} once HTTP/2 is spoken`,
    allowed:
      "a busy connection may always be in the middle of a block: only the same block counts; a second more may pass",
  },
  {
    name: "stallTimeout",
    bounds: "time in which a stream that waits, or a socket that is full, must take stallBytes",
    reference: "CVE-2019-9511, CVE-2019-9517",
    peerSees: "RST_STREAM ENHANCE_YOUR_CALM; a socket that takes nothing is closed",
    allowed: "slow readers: the default is 273 bytes a second",
  },
  {
    name: "stallBytes",
    bounds: "what counts as progress: a window that is opened byte by byte does not",
    reference: "CVE-2019-9511",
    peerSees: "see stallTimeout",
    allowed: "see stallTimeout",
  },
  {
    name: "settingsAckTimeout",
    bounds: "time for the acknowledgement of our SETTINGS",
    reference: "RFC 9113 6.5.3",
    peerSees: "GOAWAY SETTINGS_TIMEOUT",
    allowed: "-",
  },
  {
    name: "connectionIdleTimeout",
    bounds: "time without calls",
    reference: "-",
    peerSees: "GOAWAY NO_ERROR, in order",
    allowed: "off: gRPC clients keep idle connections for hours",
  },
];

/** Bounds that are not under `limits`: of backends, and those that are fixed in the code. */
export const others: readonly LimitRow[] = [
  {
    name: "idleTimeout (backend)",
    bounds: "time in which no byte of a call moves: bodies that stop, pods that hang",
    reference: "-",
    peerSees: "unavailable",
    allowed: "streams may be silent for many minutes; any byte is progress",
  },
  {
    name: "maxTimeout (backend)",
    bounds: "the longest deadline",
    reference: "-",
    peerSees: "deadline_exceeded",
    allowed: "none is imposed unless it is set",
  },
  {
    name: "maxPending (backend)",
    bounds: "calls that wait while no endpoint is ready",
    reference: "-",
    peerSees: "resource_exhausted",
    allowed: "-",
  },
  {
    name: "maxMessageBytes (backend)",
    bounds: "a message that is held whole or looked at: Connect, gRPC-Web, JSON",
    reference: "-",
    peerSees: "resource_exhausted",
    allowed: "gRPC passes without being looked at",
  },
  {
    name: "retryBufferBytes (backend)",
    bounds: "a request's copy for another try; five tries at most",
    reference: "gRFC A6",
    peerSees: "no retry",
    allowed: "-",
  },
  {
    name: "64 KiB of pipelined requests",
    bounds: "what is read of one HTTP/1.1 connection ahead of its answers; a hundred requests are taken a turn",
    reference: "RFC 9112 9.3.2",
    peerSees: "waiting: no more is read until answers have left",
    allowed: "any number of requests, as long as their answers are read",
  },
  {
    name: "100 cancelled calls of one upstream connection, 6 a second forgotten",
    bounds:
      "resets that reach a pod over one connection: pods count them against rapid reset, and end what everybody uses",
    reference: "CVE-2023-44487",
    peerSees: "nothing; the pod sees another connection, and a graceful end of the first",
    allowed: "every cancel reaches its pod",
  },
  {
    name: "the pod's SETTINGS_MAX_HEADER_LIST_SIZE",
    bounds: "heads of requests to it: some servers end the connection for a larger one",
    reference: "RFC 9113 6.5.2",
    peerSees: "resource_exhausted; no strike against the pod",
    allowed: "a client's own is advice that a splice cannot follow",
  },
  {
    name: "1,000 methods of 256 characters",
    bounds: "methods whose usual time is remembered, per backend",
    reference: "-",
    peerSees: "nothing; later methods share one mean",
    allowed: "-",
  },
  {
    name: "200 characters of a path or authority",
    bounds:
      "what log lines and messages repeat of a client's words; controls are escaped, and no label of a metric comes from a client",
    reference: "CWE-117",
    peerSees: "-",
    allowed: "-",
  },
];
