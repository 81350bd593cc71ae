// What an idle client connection costs a proxy in resident memory: many connections are opened, each is answered one
// request and then stays silent. Memory that the kernel holds for the sockets is not counted, for any peer.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningPeer } from "./peers/peer.ts";
import { processTree, residentBytes } from "./process-meter.ts";

export interface IdleMemory {
  readonly connections: number;
  /** Resident memory before, warmed up but with no client connected. */
  readonly restBytes: number;
  readonly bytesPerConnection: number;
}

function openAnswered(port: number, uri: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed before it was answered")));
    socket.once("connect", () => socket.write(`GET /small/item-${uri} HTTP/1.1\r\nHost: idle\r\n\r\n`));
    socket.once("data", (answer: Buffer) => {
      if (answer.toString("latin1", 0, 12) !== "HTTP/1.1 200")
        reject(new Error(`got ${answer.toString("latin1", 0, 40)}`));
      socket.removeAllListeners("close");
      resolve(socket);
    });
  });
}

/** Opens them in groups of 100, so that no listen queue overflows. */
async function openAll(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const group = Math.min(100, count - sockets.length);
    sockets.push(
      ...(await Promise.all(
        Array.from({ length: group }, (_, index) => openAnswered(port, sockets.length + index)),
      )),
    );
  }
  return sockets;
}

export async function measureIdleMemory(peer: RunningPeer, connections: number): Promise<IdleMemory> {
  const pids = processTree(peer.pid);
  await sleep(1000);
  const restBytes = residentBytes(pids);
  const sockets = await openAll(peer.port, connections);
  await sleep(2000);
  const fullBytes = residentBytes(pids);
  for (const socket of sockets) socket.destroy();
  return { connections, restBytes, bytesPerConnection: (fullBytes - restBytes) / connections };
}
