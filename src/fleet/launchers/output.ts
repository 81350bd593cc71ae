// What a replica writes to its stdout and stderr becomes lines of text: bounded in length and number, and safe to
// print whatever bytes came.

/** Longer lines are cut into pieces. In bytes. */
const lineBytesMax = 8 * 1024;
/** More lines than that in one second are dropped, and counted. */
const linesPerSecondMax = 1_000;

const newline = 0x0a;

/** Takes bytes as they come; `line` gets each line once complete. `end` gives out an unfinished last line. */
export function createLineCutter(line: (text: string) => void): {
  feed(chunk: Uint8Array): void;
  end(): void;
} {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  /** The last piece was given out for its length: a line feed right after it ends that line, and is none of its own. */
  let full = false;

  function add(piece: Buffer): void {
    pending.push(piece);
    pendingBytes += piece.length;
  }

  function flush(): void {
    const bytes = Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
    line(printable(bytes.toString("utf8")));
  }

  return {
    feed(chunk) {
      let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      while (rest.length > 0) {
        if (full && rest[0] === newline) rest = rest.subarray(1);
        full = false;
        const room = lineBytesMax - pendingBytes;
        const at = rest.subarray(0, room).indexOf(newline);
        const end = at >= 0 ? at : Math.min(room, rest.length);
        // A copy, when it stays: a small piece must not keep a large chunk alive.
        if (end > 0) add(at >= 0 ? rest.subarray(0, end) : Buffer.from(rest.subarray(0, end)));
        full = at < 0 && pendingBytes === lineBytesMax;
        if (at >= 0 || full) flush();
        rest = rest.subarray(at >= 0 ? at + 1 : end);
      }
    },
    end() {
      if (pendingBytes > 0) flush();
    },
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const colours = /\x1b\[[0-9;]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g;

/** Without colours and a final carriage return; other control characters, which could steer a terminal, become �. */
function printable(text: string): string {
  return text.replace(colours, "").replace(/\r$/, "").replace(controls, "\ufffd");
}

/** Passes at most {@link linesPerSecondMax} lines a second; says how many were dropped when the next one passes. */
export function createLineLimit(line: (text: string) => void, nowMs: () => number): (text: string) => void {
  let second = 0;
  let passed = 0;
  let dropped = 0;
  return (text) => {
    const now = Math.floor(nowMs() / 1_000);
    if (now !== second) {
      second = now;
      passed = 0;
    }
    passed += 1;
    if (passed > linesPerSecondMax) {
      dropped += 1;
      return;
    }
    if (dropped > 0) line(`… ${dropped} lines dropped: more than ${linesPerSecondMax} in one second`);
    dropped = 0;
    line(text);
  };
}
