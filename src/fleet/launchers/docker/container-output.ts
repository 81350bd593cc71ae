// A container's output, or a service's, as lines of ours. Read from the engine's log rather than attached to: what we are slow to read
// does not hold the server up, and "docker logs" has it too while the container is there.
import type Docker from "dockerode";
import { createLineCutter, createLineLimit } from "../output.ts";
import { within } from "./engine.ts";

/** A container that has ended is kept so long for the rest of its output, in ms. */
const restDeadlineMs = 500;

export interface ContainerOutput {
  /** Resolves when its last line has been read, or it takes too long. The container has ended. */
  rest(): Promise<void>;
  close(): void;
}

/**
 * @param sinceS only what it writes from this Unix time on; 0: everything
 * @param line a line of its output
 */
export function followOutput(
  source: Docker.Container | Docker.Service,
  sinceS: number,
  line: (stream: "stdout" | "stderr", text: string) => void,
): ContainerOutput {
  let closed = false;
  let stop = (): void => {
    closed = true;
  };
  const read = async (): Promise<void> => {
    const options = { follow: true, stdout: true, stderr: true, since: sinceS } as const;
    const stream = await within(source.logs(options));
    const wasClosed = closed;
    stop = () => (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
    if (wasClosed) return stop();
    const ends = (["stdout", "stderr"] as const).map((name) => {
      const lines = createLineCutter(createLineLimit((text) => line(name, text), Date.now));
      return { write: lines.feed, end: lines.end };
    });
    const [stdout, stderr] = ends as unknown as [NodeJS.WritableStream, NodeJS.WritableStream];
    await new Promise((resolve) => {
      stream.on("end", resolve).on("error", resolve).on("close", resolve);
      source.modem.demuxStream(stream, stdout, stderr);
    });
    for (const { end } of ends) end();
  };
  // An engine whose log driver cannot be read, or that is gone: the replica serves without.
  const done = read().catch(() => {});
  return {
    async rest() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, restDeadlineMs);
      });
      await Promise.race([done, late]);
      clearTimeout(timer);
      stop();
    },
    close: () => stop(),
  };
}
