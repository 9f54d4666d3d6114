/** The header block cannot be decoded. The state of both ends may differ from here on, so the connection must end with COMPRESSION_ERROR (RFC 9113 4.3). */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
