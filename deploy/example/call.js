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

/** Who answered how often, of so many calls. Six are open at a time: a browser opens no more connections in plaintext. */
export async function tally(gateway, calls) {
  const pods = {};
  let made = 0;
  const oneByOne = async () => {
    while (made < calls) {
      const { pod } = await echo(gateway, `call ${made++}`);
      pods[pod] = (pods[pod] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 6 }, oneByOne));
  return pods;
}
