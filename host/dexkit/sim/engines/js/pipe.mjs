// The one way out of an engine: a request to the Python parent, and its answer, over stdin and stdout.
// Both sides send <u32 little-endian length> <bytes>. Synchronous: nothing else happens meanwhile.
import fs from "node:fs";

const ROOM = 65536; // longest message, its length included

/** Send `length` bytes that stand at `at + 4`, put the answer there, and return its length. */
export function exchange(bytes, at, length) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, length, true);
  for (let sent = 0; sent < length + 4; )
    sent += fs.writeSync(1, bytes, at + sent, length + 4 - sent);
  let got = 0;
  let size = 4;
  while (got < size) {
    const more = fs.readSync(0, bytes, at + got, size === 4 ? 4 - got : size - got);
    if (more === 0) process.exit(0); // the parent is gone
    got += more;
    if (got === 4) size = 4 + view.getUint32(at, true);
    if (size > ROOM) throw new Error("an answer is too long");
  }
  return size - 4;
}
