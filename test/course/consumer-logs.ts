// What the two consumers of a two-producer, two-consumer run have written, against what was produced. Pure.

export interface ProducedRow {
  /** Unique. */
  readonly message: string;
  readonly producer: string;
}

/** What is wrong, in words; empty when each log holds every message once and all shards are in one order. */
export function judgeLogs(
  logs: ReadonlyMap<string, string>,
  produced: readonly ProducedRow[],
): readonly string[] {
  const wrong: string[] = [];
  const orders = new Map<string, string>();
  const origin = new Map(produced.map((row, index) => [row.message, { ...row, index }]));
  for (const [name, text] of logs) {
    const byShard = readLog(name, text, wrong);
    const seen = new Map<string, number>();
    for (const [shard, messages] of byShard) {
      for (const message of messages) {
        seen.set(message, (seen.get(message) ?? 0) + 1);
        if (!origin.has(message))
          wrong.push(`${name}: ${shard} has ${message}, which was not produced in this run`);
      }
      const order = messages.join(" ");
      const before = orders.get(shard) ?? order;
      orders.set(shard, before);
      if (order !== before) wrong.push(`${name}: ${shard} is in another order than in the log before`);
      checkProducersOrder(name, shard, messages, origin, wrong);
    }
    for (const { message } of produced) {
      const count = seen.get(message) ?? 0;
      if (count !== 1) wrong.push(`${name}: ${message} is there ${count} times`);
    }
  }
  return wrong;
}

/** Lines `T1:P1     message` by shard. */
export function readLog(name: string, text: string, wrong: string[] = []): Map<string, string[]> {
  const byShard = new Map<string, string[]>();
  const lines = text.split("\n");
  if (lines.pop() !== "") wrong.push(`${name}: the last line is not complete`);
  for (const [index, line] of lines.entries()) {
    const [, shard, message] = /^(\S+:\S+) {5}(.*)$/.exec(line) ?? [];
    if (shard === undefined || message === undefined) wrong.push(`${name}: line ${index + 1} is "${line}"`);
    else byShard.set(shard, [...(byShard.get(shard) ?? []), message]);
  }
  return byShard;
}

/** One producer's messages keep their order within a shard. */
function checkProducersOrder(
  name: string,
  shard: string,
  messages: readonly string[],
  origin: ReadonlyMap<string, ProducedRow & { readonly index: number }>,
  wrong: string[],
): void {
  const last = new Map<string, number>();
  for (const message of messages) {
    const row = origin.get(message);
    if (row === undefined) continue;
    if (row.index < (last.get(row.producer) ?? -1))
      wrong.push(`${name}: ${shard} has ${message} out of its producer's order`);
    last.set(row.producer, row.index);
  }
}
