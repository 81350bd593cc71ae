// How far the collector lets the heap grow, for processes that pass much through a small heap.
//
// Node reads each piece of a client's body into 64 KB outside the heap. V8 counts what was allocated there since its
// last full collection as if it were in the old generation, whose limit is the heap's size then times a factor between
// 1.1 and 4, and 16 MB. With 16 MB of heap and a factor of 1.1 that is a full collection for every 16 MB of bodies,
// 30 a second, each for nothing: the buffers die young. Above 2.5 the scavenges come first and free them; more than that
// is resident memory for nothing.
// Measured (docs/performance.md): bodies of 64 KB cost 74 µs each instead of 140, in the processes that fell into it.
import { setFlagsFromString } from "node:v8";

/** A full collection comes when the old generation is larger by so much, in percent, than the last one left it. */
const growthPercent = 175;

/** For the whole process, so for a program's entry only: an application that embeds us decides for itself. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
