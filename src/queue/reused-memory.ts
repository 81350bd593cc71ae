// Memory for request bodies and stored batches, used again. V8 collects its whole heap after each 64 MB that are
// allocated beside it, which a busy broker does several times a second: that took up to 40 % of its processor time.
//
// Whoever takes a buffer may keep it as long as he likes: then it is garbage like any other. He gives it back only when
// he is certain that nobody else has it, or a view of it.

/** Smaller ones come from Node's own pool. */
const BYTES_MIN = 4 * 1024;
const BYTES_MAX = 4 * 1024 * 1024;
/** Kept for later, altogether. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

const kept = new Map<number, ArrayBuffer[]>();
let keptBytes = 0;
/** What was taken from here and has not been given back. */
const taken = new WeakSet<ArrayBufferLike>();

/** A buffer of so many bytes, with anything in them. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes < BYTES_MIN) return Buffer.allocUnsafe(bytes);
  if (bytes > BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
  const size = sizeFor(bytes);
  let memory = kept.get(size)?.pop();
  if (memory === undefined) memory = Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer;
  else keptBytes -= size;
  taken.add(memory);
  return Buffer.from(memory, 0, bytes);
}

/** Its memory, if it came from here, is somebody else's from now on. Any view of it will do. */
export function giveBack({ buffer: memory }: Buffer): void {
  if (!taken.delete(memory)) return;
  const size = memory.byteLength;
  if (keptBytes + size > KEPT_BYTES_MAX) {
    kept.clear(); // sizes that nobody asks for any more would keep the others out
    keptBytes = 0;
  }
  const same = kept.get(size);
  if (same === undefined) kept.set(size, [memory as ArrayBuffer]);
  else same.push(memory as ArrayBuffer);
  keptBytes += size;
}

/** One after another in one buffer; those given are given back. */
export function joined(buffers: readonly Buffer[]): Buffer {
  if (buffers.length === 1) return buffers[0] as Buffer;
  let bytes = 0;
  for (const { length } of buffers) bytes += length;
  const whole = takeBuffer(bytes);
  let at = 0;
  for (const one of buffers) {
    whole.set(one, at);
    at += one.length;
    giveBack(one);
  }
  return whole;
}

/** Four sizes for each power of two, so that at most a fifth is wasted. */
function sizeFor(bytes: number): number {
  const step = 2 ** (29 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
}
