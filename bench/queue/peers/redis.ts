// redis-server with a stream in an append-only file, once synced before each answer and once every second. Streams are
// kept in memory as well; the file is never rewritten during the run.
import { accepting, freePorts, startPinned } from "../../proxy/pinned-process.ts";
import type { QueuePeer, Session } from "./peer.ts";
import { connectResp, type Reply } from "./resp.ts";

type Entry = readonly [id: Buffer, fields: readonly Buffer[]];

/** The entries in XREADGROUP's answer for one stream; none when its wait was over. */
function entriesIn(reply: Reply | undefined): readonly Entry[] {
  const [stream] = (reply ?? []) as readonly (readonly [Buffer, readonly Entry[]])[];
  return stream?.[1] ?? [];
}

async function openSession(port: number, topic: string): Promise<Session> {
  const producing = await connectResp(port);
  const consuming = await connectResp(port);
  await producing.send([["XGROUP", "CREATE", topic, "bench", "0", "MKSTREAM"]]);
  return {
    async produce(values) {
      await producing.send(values.map((value) => ["XADD", topic, "*", "v", value]));
    },
    async consume(batch, take, signal) {
      const read = ["XREADGROUP", "GROUP", "bench", "c", "COUNT", String(batch), "BLOCK", "100"] as const;
      let done: Buffer[] = [];
      while (!signal.aborted) {
        // What was taken is acknowledged together with the next question.
        const acknowledge = done.length > 0 ? [["XACK", topic, "bench", ...done]] : [];
        const replies = await consuming.send([...acknowledge, [...read, "STREAMS", topic, ">"]]);
        const entries = entriesIn(replies.at(-1));
        if (entries.length > 0) take(entries.map(([, fields]) => fields[1] as Buffer));
        done = entries.map(([id]) => id);
      }
      if (done.length > 0) await consuming.send([["XACK", topic, "bench", ...done]]);
    },
    async remove() {
      await producing.send([["DEL", topic]]);
      producing.close();
      consuming.close();
    },
  };
}

function redisPeer(appendfsync: "always" | "everysec", acknowledgement: string): QueuePeer {
  return {
    name: `redis ${appendfsync}`,
    program: "redis-server",
    acknowledgement,
    synced: appendfsync === "always",
    async start(folder, core) {
      const [port] = (await freePorts(1)) as [number];
      const settings = [
        ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", ""],
        ...["--appendonly", "yes", "--appendfsync", appendfsync, "--auto-aof-rewrite-percentage", "0"],
      ];
      const started = startPinned(["redis-server", ...settings], { core });
      await accepting("redis-server", started, port);
      return {
        pid: started.pid,
        open: (topic) => openSession(port, topic),
        stop: () => started.stop(),
      };
    },
  };
}

export const redisPeers: readonly QueuePeer[] = [
  redisPeer("always", "synced (`appendfsync always`)"),
  redisPeer("everysec", "given to the file, synced every second (`appendfsync everysec`)"),
];
