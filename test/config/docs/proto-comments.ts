/** What the comments of a .proto file say of each message and field: `Backend` and `Backend.target`. */
export function protoComments(source: string): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  let message = "";
  let comment: string[] = [];
  for (const line of source.split("\n")) {
    const said = /^\s*\/\/ ?(.*)$/.exec(line);
    if (said !== null) {
      comment.push(said[1]);
      continue;
    }
    const opened = /^message (\w+) \{/.exec(line);
    const field = /^\s+(?:optional |repeated )?[\w.]+ (\w+) = \d+;/.exec(line);
    if (opened !== null) message = opened[1];
    if (opened !== null) comments.set(message, comment.join(" "));
    else if (field !== null) comments.set(`${message}.${field[1]}`, comment.join(" "));
    comment = [];
  }
  return comments;
}
