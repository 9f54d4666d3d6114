/**
 * The static table (RFC 7541 Appendix A). Position is the index; 0 is not an index, its place is filled so that lookups need
 * no subtraction.
 */

const ENTRIES: readonly string[] = [
  ...["", ""],
  ...[":authority", "", ":method", "GET", ":method", "POST", ":path", "/", ":path", "/index.html"],
  ...[":scheme", "http", ":scheme", "https", ":status", "200", ":status", "204", ":status", "206"],
  ...[":status", "304", ":status", "400", ":status", "404", ":status", "500", "accept-charset", ""],
  ...["accept-encoding", "gzip, deflate", "accept-language", "", "accept-ranges", "", "accept", ""],
  ...["access-control-allow-origin", "", "age", "", "allow", "", "authorization", "", "cache-control", ""],
  ...["content-disposition", "", "content-encoding", "", "content-language", "", "content-length", ""],
  ...["content-location", "", "content-range", "", "content-type", "", "cookie", "", "date", "", "etag", ""],
  ...["expect", "", "expires", "", "from", "", "host", "", "if-match", "", "if-modified-since", ""],
  ...["if-none-match", "", "if-range", "", "if-unmodified-since", "", "last-modified", "", "link", ""],
  ...["location", "", "max-forwards", "", "proxy-authenticate", "", "proxy-authorization", "", "range", ""],
  ...["referer", "", "refresh", "", "retry-after", "", "server", "", "set-cookie", ""],
  ...["strict-transport-security", "", "transfer-encoding", "", "user-agent", "", "vary", "", "via", ""],
  ...["www-authenticate", ""],
];

export const STATIC_NAMES: readonly string[] = ENTRIES.filter((_, position) => position % 2 === 0);
export const STATIC_VALUES: readonly string[] = ENTRIES.filter((_, position) => position % 2 === 1);

/** The first index of the dynamic table: the static table has 61 entries (RFC 7541 2.3.3). */
export const FIRST_DYNAMIC_INDEX = 62;
