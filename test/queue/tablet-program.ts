// A program that owns one tablet and does what it is told, one JSON line in, one JSON line out: what the tests of
// faults kill, stop, and fill the disk of.
//
//   node --import tsx test/queue/tablet-program.ts FILE EPOCH
import { createInterface } from "node:readline";
import { packBatch, recordsOf } from "../../src/queue/records.ts";
import { openLmdbTablet } from "../../src/queue/stores/lmdb.ts";

/** What the program can be asked to do. */
export type Command =
  | { readonly do: "append"; readonly text: string; readonly bytes?: number }
  | { readonly do: "flood" } // appends one after the other until it dies, and says `{"acked": n}` after each
  | { readonly do: "compact" }
  | { readonly do: "churn" } // floods while it compacts without a pause, with room to give back each time
  | { readonly do: "read"; readonly from: number }
  | { readonly do: "truncate"; readonly countMax: number }
  | { readonly do: "state" };

const [file = "", epoch = "1"] = process.argv.slice(2);
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
process.on("unhandledRejection", (reason) => say({ unhandled: String(reason) }));

const tablet = await openLmdbTablet({ file, tablet: 1, epoch: Number(epoch) });
await tablet.createShard(0);
say({ ready: true });

function append(text: string, bytes = 0) {
  const value = Buffer.concat([Buffer.from(text), Buffer.alloc(Math.max(0, bytes - text.length))]);
  return tablet.append({ shard: 0, batch: packBatch([{ value }], { timestampMs: Date.now() }) });
}

async function compactWithoutEnd(): Promise<void> {
  for (let round = 0; ; round++) {
    const rewritten = Array.from({ length: 20 }, () => tablet.setNote("large", Buffer.alloc(60_000, round)));
    await Promise.all(rewritten);
    const { bytesBefore, bytesAfter } = await tablet.compact();
    say({ compacted: bytesBefore - bytesAfter });
  }
}

async function obey(command: Command): Promise<object> {
  switch (command.do) {
    case "append":
      return append(command.text, command.bytes);
    case "flood":
      for (let i = 0; ; i++) {
        const { baseOffset } = await append(`m${i}`);
        say({ acked: baseOffset });
      }
    case "compact":
      return { ...(await tablet.compact()) };
    case "churn":
      void compactWithoutEnd();
      return obey({ do: "flood" });
    case "read": {
      const { batches, start, end } = await tablet.read(0, command.from);
      const texts = batches.flatMap((batch) =>
        [...recordsOf(batch)].map((one) => String(one.value?.subarray(0, 20))),
      );
      return { texts, start, end };
    }
    case "truncate":
      return { removed: await tablet.truncate(0, { countMax: command.countMax }) };
    case "state":
      return { state: tablet.state(), ...tablet.range(0) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  await obey(JSON.parse(line) as Command).then(say, (error: { code?: string; message: string }) =>
    say({ refused: error.code, message: error.message }),
  );
}
await tablet.close();
