// A line on a terminal that tells how far a command is, written over itself; nothing where no terminal is.

export interface ProgressLine {
  show(text: string): void;
  /** Removes the line. Harmless when called again. */
  end(): void;
}

const EVERY_MS = 100;

export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let visible = false;
  return {
    show(text) {
      const nowMs = performance.now();
      if (!stream.isTTY || nowMs - shownAtMs < EVERY_MS) return;
      shownAtMs = nowMs;
      visible = true;
      stream.write(`\r\u001b[K${text}`);
    },
    end() {
      if (visible) stream.write("\r\u001b[K");
      visible = false;
    },
  };
}
