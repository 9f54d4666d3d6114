/** Frame types, flags, sizes and settings (RFC 9113 4, 6). */

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const Flag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

export const FRAME_HEADER_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE's initial value, which we keep: larger frames only make the other streams wait (RFC 9113 6.5.2). */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;
/** Both flow-control windows start with this (RFC 9113 6.9.2). */
export const DEFAULT_WINDOW = 65_535;
/** RFC 9113 6.9.1: "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets." Also the largest stream ID. */
export const MAX_WINDOW = 0x7fffffff;
export const DEFAULT_HEADER_TABLE_BYTES = 4_096;

/** What a client sends first (RFC 9113 3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
