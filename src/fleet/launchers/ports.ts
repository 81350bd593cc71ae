// Free ports for replicas. They come from below the range out of which the kernel takes ports for outgoing
// connections (32768 and up on Linux, 49152 and up elsewhere), so that a connection opened between our look and
// the replica's bind cannot take the port away; and each is used once in a long while, so that a client of a dead
// replica does not meet its successor.
import { createServer } from "node:net";

const lowest = 20_000;
const highest = 31_999;

export interface PortPicker {
  /** A port of `host` that nobody listens on now. Rejects when there is none, or `host` is not ours. */
  pick(): Promise<number>;
}

export function createPortPicker(host: string): PortPicker {
  let last = lowest + Math.floor(Math.random() * (highest - lowest));
  return {
    async pick() {
      for (let tries = lowest; tries <= highest; tries += 1) {
        last = last >= highest ? lowest : last + 1;
        if (await isFree(host, last)) return last;
      }
      throw new Error(`no port from ${lowest} to ${highest} of ${host} is free`);
    },
  };
}

/** Rejects when the address itself cannot be used (EADDRNOTAVAIL, ENOTFOUND …). */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
