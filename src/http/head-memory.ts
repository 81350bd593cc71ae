// Heads that come again. Most clients send the same header section with every request on a connection, and many servers
// answer with the same head for a second or longer. What these bytes meant once they mean again, so they need no second
// look, only a comparison. What is kept beside the bytes is the owner's affair.

/** Longer heads are not remembered: they are rare, and every connection may hold one. */
export const knownBytesMax = 2 * 1024;

/** After one head was remembered in vain, so many others pass before the next is: for senders who never repeat one. */
const unknownBetween = 16;

export class HeadMemory<T extends { readonly bytes: Uint8Array }> {
  /** Null: nothing yet. */
  known: T | null = null;
  private knownView: DataView | null = null;
  /** Unknown heads until one is to be remembered. Not the first: it may be the connection's only one. */
  private unknownLeft = 2;

  remember(known: T): void {
    this.known = known;
    this.knownView = viewOf(known.bytes);
  }

  /** Whether the bytes from `start` begin with what is known. */
  recalls(bytes: Uint8Array, start: number, end: number): boolean {
    const { known } = this;
    if (known === null || end - start < known.bytes.length) return false;
    const same =
      bytes.length < viewedBytesMin || this.knownView === null
        ? sameBytes(bytes, start, known.bytes)
        : sameWords(bytes, start, known.bytes, this.knownView);
    if (same && this.unknownLeft !== 1) this.unknownLeft = 1; // it has served: when it changes, the next one will too
    return same;
  }

  /** Called for each head that was not known: whether to {@link remember} this one. */
  isDue(headBytes: number): boolean {
    if (--this.unknownLeft > 0 || headBytes > knownBytesMax) return false;
    this.unknownLeft = unknownBetween;
    return true;
  }
}

function sameBytes(bytes: Uint8Array, start: number, known: Uint8Array): boolean {
  for (let at = 0; at < known.length; at++) if (bytes[start + at] !== known[at]) return false;
  return true;
}

// Four bytes at a time take a quarter of the time, but need a view: it is only worth making for a buffer that is read
// into again and again, and those are large.
const viewedBytesMin = 32 * 1024;
let viewed: Uint8Array = new Uint8Array(0);
let view = viewOf(viewed);

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function sameWords(bytes: Uint8Array, start: number, known: Uint8Array, knownView: DataView): boolean {
  if (viewed !== bytes) {
    viewed = bytes;
    view = viewOf(bytes);
  }
  const wordsEnd = known.length & ~3;
  for (let at = 0; at < wordsEnd; at += 4)
    if (view.getInt32(start + at) !== knownView.getInt32(at)) return false;
  for (let at = wordsEnd; at < known.length; at++) if (bytes[start + at] !== known[at]) return false;
  return true;
}
