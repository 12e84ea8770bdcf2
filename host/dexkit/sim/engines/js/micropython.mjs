// MicroPython (WebAssembly) as a virtual board: the firmware's files in its memory, the desk behind `_pipe`.
// Arguments: packages folder, board's flash, heap in bytes, 1 for the raw prompt, then `from=to` for each file or folder that the board
// finds besides; /board/start.py is run. What a program writes to the flash goes to the host's folder at once.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { exchange } from "./pipe.mjs";

const [packages, flash, heapsize, raw, ...sources] = process.argv.slice(2);

// The package does not export its memory: catch it where it is made.
let memory;
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...given) => {
  const made = await instantiate(...given);
  const exported = Object.values((made.instance ?? made).exports);
  memory = exported.find((value) => value instanceof WebAssembly.Memory);
  return made;
};
const module = path.join(packages, "@micropython/micropython-webassembly-pyscript/micropython.mjs");
const { loadMicroPython } = await import(pathToFileURL(module).href);
const say = (line) => fs.writeSync(2, line + "\n");
const python = await loadMicroPython({ heapsize: +heapsize, pystack: 16384, stdout: say, stderr: say });
const files = python.FS;

function copyIn(from, to) {
  if (path.basename(from) === "__pycache__") return;
  files.mkdirTree(path.posix.dirname(to));
  if (fs.statSync(from).isFile()) return files.writeFile(to, fs.readFileSync(from));
  files.mkdirTree(to);
  for (const name of fs.readdirSync(from)) copyIn(path.join(from, name), path.posix.join(to, name));
}

/** After the file system did `name`, do `then(path, ...)` for paths of the flash to the host's folder. */
function mirror(name, then) {
  const plain = files[name];
  files[name] = (...given) => {
    const answer = plain.call(files, ...given);
    const places = given.filter((value) => typeof value === "string");
    if (places.every((place) => place.startsWith("/"))) then(...places.map((place) => path.join(flash, place)));
    return answer;
  };
}

for (const source of sources) {
  copyIn(...source.split("="));
}
copyIn(flash, "/");
mirror("mkdir", (place) => fs.mkdirSync(place, { recursive: true }));
mirror("rmdir", (place) => fs.rmdirSync(place));
mirror("unlink", (place) => fs.unlinkSync(place));
mirror("rename", (from, to) => fs.renameSync(from, to));
const close = files.close;
files.close = (stream) => {
  const writes = (stream.flags & 3) !== 0 && files.isFile(stream.node.mode);
  close.call(files, stream);
  if (writes) fs.writeFileSync(path.join(flash, stream.path), files.readFile(stream.path));
};

python.registerJsModule("_pipe", {
  raw: raw === "1",
  ended: (atRaw) => (process.exitCode = atRaw ? 10 : 0),
  exchange: (at, length) => exchange(new Uint8Array(memory.buffer), at, length),
});
try {
  python.runPython(files.readFile("/board/start.py", { encoding: "utf8" }));
} catch (error) {
  say(String(error.message ?? error));
  process.exitCode = 1;
}
