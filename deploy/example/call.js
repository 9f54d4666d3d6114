// One call by Connect in JSON: a plain POST, which needs no library and no generated code.
export async function echo(gateway, text) {
  const response = await fetch(`${gateway}/fairlead.demo.v1.EchoService/Echo`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: JSON.stringify({ text }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer;
}

/** Who answered how often, of so many calls at once. */
export async function tally(gateway, calls) {
  const answers = await Promise.all(Array.from({ length: calls }, (_, number) => echo(gateway, `call ${number}`)));
  const pods = {};
  for (const { pod } of answers) pods[pod] = (pods[pod] ?? 0) + 1;
  return pods;
}
