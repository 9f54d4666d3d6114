/** The host of an `:authority`, as routes compare it: lower case, without port, user or final dot. */
export function hostOf(authority: string): string {
  const at = authority.lastIndexOf("@");
  const host = at < 0 ? authority : authority.slice(at + 1);
  // An IPv6 address keeps its brackets: `[::1]:8080`.
  const port = /:[0-9]*$/.exec(host);
  const bare = port === null || (host.startsWith("[") && host.endsWith("]")) ? host : host.slice(0, port.index);
  return (bare.endsWith(".") ? bare.slice(0, -1) : bare).toLowerCase();
}

/** @param hostname lower case; `*.example.com` stands for one or more labels before `.example.com` */
export function hostMatches(hostname: string, host: string): boolean {
  if (!hostname.startsWith("*.")) return hostname === host;
  const suffix = hostname.slice(1);
  return host.length > suffix.length && host.endsWith(suffix);
}
