/**
 * Which of all endpoints one gateway uses, by rendezvous hashing with a salt of its own (gRFC A68, random_subsetting): each label is
 * hashed with the salt, and the lowest `size` hashes are in. An endpoint's hash never changes, so one that joins or leaves changes
 * at most one place of the subset, and gateways, whose salts differ, choose independently of each other.
 */

/**
 * @param size 0: all
 * @param salt 32 bits, the same for as long as the gateway runs
 * @returns the labels of the subset; all when there are not more than `size`
 */
export function subsetOf(labels: Iterable<string>, size: number, salt: number): Set<string> {
  const all = new Set(labels);
  if (size === 0 || all.size <= size) return all;
  const hashed = Array.from(all, (label) => ({ label, hash: hashOf(label, salt) }));
  // Equal hashes in the order of the labels: the order of a DNS answer changes from one to the next.
  hashed.sort((a, b) => a.hash - b.hash || (a.label < b.label ? -1 : 1));
  return new Set(hashed.slice(0, size).map(({ label }) => label));
}

/** MurmurHash3 (x86, 32 bits), which A68 names, over the label's UTF-16 units as blocks; the salt is its seed. */
function hashOf(label: string, salt: number): number {
  let hash = salt | 0;
  for (let i = 0; i < label.length; i++) {
    let block = Math.imul(label.charCodeAt(i), 0xcc9e2d51);
    block = Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash ^= block;
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash ^= label.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
