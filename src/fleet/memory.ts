// Which replica has outgrown the memory that it may use, when a limit is set. Looking is usage.ts.
import type { FleetLog } from "./fleet.ts";
import type { Usage } from "./usage.ts";

/** `bytesMax` is asked anew each time; undefined: nobody is judged. */
export function createMemoryLimit(
  bytesMax: () => number | undefined,
  log: FleetLog,
  outgrown: (run: number, reason: string) => void,
): (run: number, usage: Pick<Usage, "rssBytes">) => void {
  let blind = false;
  return (run, { rssBytes: bytes }) => {
    const maxBytes = bytesMax();
    if (maxBytes === undefined) return;
    if (bytes === null && !blind) {
      blind = true;
      log.warn(
        {},
        "maxRssBytes has no effect here: this system does not tell how much memory a process uses",
      );
    }
    if (bytes !== null && bytes > maxBytes) {
      outgrown(run, `uses ${megabytes(bytes)} of memory, more than the ${megabytes(maxBytes)} allowed`);
    }
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
