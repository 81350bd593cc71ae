// Word of what a broker is working on, for the case that it ends in the midst of it: a damaged tablet can end the whole
// process (a bus error in LMDB's map), and the tablet must be known to be quarantined.
//
// One byte for each tablet in a file that outlives the process, not the machine: written without a sync, in place. It is
// help for the case of damage, and no more: a disk that does not take it costs the help, never the work.
import { openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Tablet } from "../tablet.ts";

const IDLE = 0;
/** Some transactions of it are under way. */
const WRITING = 1;
/** It was being read in the turn in which the process has ended: only one tablet is, at a time. */
const READING = 2;
const NONE = -1;

const bytes = [IDLE, WRITING, READING].map((mark) => Buffer.from([mark]));

const pathOf = (dataDir: string, broker: string): string => join(dataDir, `working-${broker}`);

export interface WorkMarks {
  /** The same tablet, with its work marked. */
  marked(tablet: Tablet): Tablet;
}

export function createWorkMarks(dataDir: string, broker: string): WorkMarks {
  const file = opened(pathOf(dataDir, broker));
  /** By tablet: writes under way. */
  const writes = new Map<number, number>();
  let readNow = NONE;

  const write = (tablet: number, mark: number): void => {
    try {
      if (file !== null) writeSync(file, bytes[mark] as Buffer, 0, 1, tablet);
    } catch {
      // Full, or failing: the mark before stays.
    }
  };
  const rest = (tablet: number): void => write(tablet, writes.has(tablet) ? WRITING : IDLE);

  /** Until the end of this turn, so that many reads of a turn cost two small writes. */
  function reading(tablet: number): void {
    if (readNow === tablet) return;
    if (readNow === NONE) setImmediate(readingIsOver);
    else rest(readNow);
    readNow = tablet;
    write(tablet, READING);
  }

  function readingIsOver(): void {
    const tablet = readNow;
    readNow = NONE;
    rest(tablet);
  }

  async function writing<T>(tablet: number, work: () => Promise<T>): Promise<T> {
    const before = writes.get(tablet) ?? 0;
    writes.set(tablet, before + 1);
    if (before === 0 && readNow !== tablet) write(tablet, WRITING);
    try {
      return await work();
    } finally {
      const left = (writes.get(tablet) ?? 1) - 1;
      if (left > 0) writes.set(tablet, left);
      else {
        writes.delete(tablet);
        if (readNow !== tablet) write(tablet, IDLE);
      }
    }
  }

  function marked(tablet: Tablet): Tablet {
    const read = <T>(work: () => T): T => {
      reading(tablet.tablet);
      return work();
    };
    const written = <T>(work: () => Promise<T>): Promise<T> => writing(tablet.tablet, work);
    return {
      ...tablet,
      read: (...all) => read(() => tablet.read(...all)),
      offsetAt: (...all) => read(() => tablet.offsetAt(...all)),
      position: (...all) => read(() => tablet.position(...all)),
      positions: (...all) => read(() => tablet.positions(...all)),
      note: (...all) => read(() => tablet.note(...all)),
      notes: (...all) => read(() => tablet.notes(...all)),
      append: (append) => written(() => tablet.append(append)),
      createShard: (shard) => written(() => tablet.createShard(shard)),
      deleteShard: (shard) => written(() => tablet.deleteShard(shard)),
      truncate: (...all) => written(() => tablet.truncate(...all)),
      setPosition: (...all) => written(() => tablet.setPosition(...all)),
      removePosition: (...all) => written(() => tablet.removePosition(...all)),
      setNote: (...all) => written(() => tablet.setNote(...all)),
      compact: () => written(() => tablet.compact()),
    };
  }

  return { marked };
}

function opened(path: string): number | null {
  try {
    return openSync(path, "w+");
  } catch {
    return null;
  }
}

/** The tablet that a broker was working on when it ended, where that is certain. */
export function workedOn(dataDir: string, broker: string): number | undefined {
  const marks = readIfThere(pathOf(dataDir, broker));
  if (marks.includes(READING)) return marks.indexOf(READING);
  const first = marks.indexOf(WRITING);
  return first >= 0 && first === marks.lastIndexOf(WRITING) ? first : undefined;
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
