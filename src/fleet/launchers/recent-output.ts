// The last lines that each server has written, kept in memory for whoever looks at it. Bounded in lines and bytes, and
// for servers that are gone in number: why one died is often the last thing that it said. The log has everything.

export interface OutputLine {
  /** When it came, in ms since the Unix epoch. */
  readonly atMs: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

export interface RecentOutput {
  /** A server of that name is started, perhaps again. */
  begun(name: string): void;
  note(name: string, stream: OutputLine["stream"], text: string): void;
  ended(name: string): void;
  /** The oldest first; null: no such server, or one that has ended long ago. */
  of(name: string): readonly OutputLine[] | null;
}

export interface RecentOutputLimits {
  /** Of each server. Default 100. */
  readonly linesMax?: number;
  /** Characters of each server. Default 16,384; less when there are so many that all together would have more than: */
  readonly charsMax?: number;
  /** Default 4 MiB. */
  readonly charsMaxOfAll?: number;
  /** Servers that have ended. Default 32. */
  readonly endedMax?: number;
}

interface Output {
  readonly lines: OutputLine[];
  chars: number;
}

export function createRecentOutput(
  limits: RecentOutputLimits = {},
  nowMs: () => number = Date.now,
): RecentOutput {
  const { linesMax = 100, charsMax = 16_384, charsMaxOfAll = 4 * 1024 * 1024, endedMax = 32 } = limits;
  const outputs = new Map<string, Output>();
  /** In the order of ending. */
  const ended = new Set<string>();

  function trim(output: Output): void {
    const most = Math.min(charsMax, charsMaxOfAll / outputs.size);
    while (output.lines.length > linesMax || (output.chars > most && output.lines.length > 1)) {
      output.chars -= output.lines.shift()?.text.length ?? 0;
    }
  }

  return {
    begun: (name) => {
      ended.delete(name);
      if (!outputs.has(name)) outputs.set(name, { lines: [], chars: 0 });
    },
    note: (name, stream, text) => {
      const output = outputs.get(name);
      if (output === undefined) return;
      output.lines.push({ atMs: nowMs(), stream, text });
      output.chars += text.length;
      trim(output);
    },
    ended: (name) => {
      ended.delete(name);
      ended.add(name);
      for (const oldest of ended) {
        if (ended.size <= endedMax) break;
        ended.delete(oldest);
        outputs.delete(oldest);
      }
    },
    of: (name) => outputs.get(name)?.lines ?? null,
  };
}
