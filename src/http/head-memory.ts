// Heads that come again. Most clients send the same header section with every request on a connection, and many servers
// answer with the same head for a second or longer. What these bytes meant once they mean again, so they need no second
// look, only a comparison. What is kept beside the bytes is the owner's affair.

/** Longer heads are not remembered: they are rare, and every connection may hold one. */
export const knownBytesMax = 2 * 1024;

/** After one head was remembered in vain, so many others pass before the next is: for senders who never repeat one. */
const unknownBetween = 16;

export class HeadMemory<T extends { readonly bytes: Uint8Array }> {
  known: T | null = null;
  /** Unknown heads until one is to be remembered. Not the first: it may be the connection's only one. */
  private unknownLeft = 2;

  /** Whether the bytes from `start` begin with what is known. */
  recalls(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.known === null || !beginsWith(bytes, start, end, this.known.bytes)) return false;
    if (this.unknownLeft !== 1) this.unknownLeft = 1; // it has served: when it changes, the next one will too
    return true;
  }

  /** Called for each head that was not known: whether to {@link HeadMemory.known remember} this one. */
  isDue(headBytes: number): boolean {
    if (--this.unknownLeft > 0 || headBytes > knownBytesMax) return false;
    this.unknownLeft = unknownBetween;
    return true;
  }
}

function beginsWith(bytes: Uint8Array, start: number, end: number, known: Uint8Array): boolean {
  const { length } = known;
  if (end - start < length) return false;
  for (let at = 0; at < length; at++) if (bytes[start + at] !== known[at]) return false;
  return true;
}
