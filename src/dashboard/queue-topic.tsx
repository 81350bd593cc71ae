// One topic: its shards with owner, epoch and rate; its consumers and how far they are behind; its messages.
import { useEffect, useRef, useState } from "preact/hooks";
import { age, bytes, count, short } from "./figures.ts";
import { useChangeRefusal } from "./may-change.ts";
import { usePolled } from "./polled.ts";
import { type ConsumerPlace, describeTopic, listConsumers, type Shard, type Topic } from "./queue-calls.ts";
import { DeleteTopicDialog, ProduceDialog } from "./queue-dialogs.tsx";
import { Messages } from "./queue-messages.tsx";

interface TopicPanelProps {
  readonly name: string;
  onDeleted(): void;
}

export function TopicPanel({ name, onDeleted }: TopicPanelProps) {
  const topic = usePolled((signal) => describeTopic(name, signal), 2_000, name);
  const consumers = usePolled((signal) => listConsumers(name, signal), 4_000, name);
  const rates = useRates(topic.answer);
  const [asked, setAsked] = useState<"produce" | "delete" | null>(null);
  const refusal = useChangeRefusal();
  const close = () => setAsked(null);
  if (topic.answer === null) return <p class="empty">{topic.problem ?? "Reading the topic…"}</p>;
  const { shards } = topic.answer;
  const guarded = { disabled: refusal !== null, title: refusal ?? undefined };
  return (
    <section aria-labelledby="topic">
      <div class="view-head">
        <h2 id="topic">{name}</h2>
        <span class="soft">{retentionText(topic.answer)}</span>
        <div class="actions">
          <button type="button" class="primary" {...guarded} onClick={() => setAsked("produce")}>
            Produce a message
          </button>
          <button type="button" class="danger" {...guarded} onClick={() => setAsked("delete")}>
            Delete
          </button>
        </div>
      </div>
      {topic.problem !== null && <p class="refused">{topic.problem}</p>}
      <Shards shards={shards} rates={rates} />
      <Consumers consumers={consumers.answer} problem={consumers.problem} />
      <Messages topic={name} shards={shards} />
      {asked === "produce" && (
        <ProduceDialog
          topic={name}
          shards={shards.map((shard) => shard.name)}
          onClose={close}
          onProduced={topic.again}
        />
      )}
      {asked === "delete" && <DeleteTopicDialog topic={topic.answer} onClose={close} onDeleted={onDeleted} />}
    </section>
  );
}

function retentionText({ retention: { age_ms, bytes_max, count_max } }: Topic): string {
  const limits = [
    age_ms === undefined ? "" : age(0, age_ms),
    bytes_max === undefined ? "" : bytes(bytes_max),
    count_max === undefined ? "" : `${count(count_max)} messages`,
  ].filter((limit) => limit !== "");
  return limits.length === 0 ? "kept for ever" : `each shard keeps ${limits.join(", ")}`;
}

/** Messages/s by shard, between the last two answers that differ in time. */
function useRates(topic: Topic | null): ReadonlyMap<string, number> {
  const before = useRef<{ readonly atMs: number; readonly ends: ReadonlyMap<string, number> } | null>(null);
  const [rates, setRates] = useState<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    if (topic === null) return;
    const ends = new Map(topic.shards.map(({ name, end }) => [name, end]));
    const atMs = performance.now();
    const last = before.current;
    before.current = { atMs, ends };
    if (last === null) return;
    const seconds = Math.max(0.1, (atMs - last.atMs) / 1000);
    setRates(
      new Map(
        [...ends].map(([name, end]) => [name, Math.max(0, end - (last.ends.get(name) ?? end)) / seconds]),
      ),
    );
  }, [topic]);
  return rates;
}

/** More are not listed. */
const shardsShown = 100;

function Shards({
  shards,
  rates,
}: {
  readonly shards: readonly Shard[];
  readonly rates: ReadonlyMap<string, number>;
}) {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table" tabIndex={0} aria-label="Shards">
        <table>
          <thead>
            <tr>
              <th>Shard</th>
              <th>Owner</th>
              <th class="right">Epoch</th>
              <th class="right">Start</th>
              <th class="right">End</th>
              <th class="right">Messages</th>
              <th class="right">Size</th>
              <th class="right">In/s</th>
            </tr>
          </thead>
          <tbody>
            {shards.slice(0, shardsShown).map(({ name, owner, epoch, start, end, bytes: size }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{owner ?? <span class="state down">nobody: requests wait</span>}</td>
                <td class="right">{count(epoch)}</td>
                <td class="right">{count(start)}</td>
                <td class="right">{count(end)}</td>
                <td class="right">{count(end - start)}</td>
                <td class="right">{bytes(size)}</td>
                <td class="right">{short(rates.get(name) ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {shards.length > shardsShown && <p class="note">{count(shards.length - shardsShown)} more shards.</p>}
    </>
  );
}

interface ConsumersProps {
  readonly consumers: readonly ConsumerPlace[] | null;
  readonly problem: string | null;
}

function Consumers({ consumers, problem }: ConsumersProps) {
  return (
    <section class="section">
      <h2>Consumers</h2>
      {problem !== null && <p class="refused">{problem}</p>}
      {consumers?.length === 0 && <p class="soft">Nobody has a place in this topic.</p>}
      {consumers !== null && consumers.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Consumer</th>
              <th class="right">Lag</th>
              <th>Behind, by shard</th>
            </tr>
          </thead>
          <tbody>
            {consumers.map(({ name, lag, shards }) => (
              <tr key={name}>
                <td>{name}</td>
                <td class="right">{count(lag)}</td>
                <td class="wide soft">{lagText(shards)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const lagsShown = 8;

function lagText(shards: ConsumerPlace["shards"]): string {
  const behind = shards.filter(({ lag }) => lag > 0).sort((a, b) => b.lag - a.lag);
  if (behind.length === 0) return "has read everything";
  const rest = behind.length > lagsShown ? `, and ${count(behind.length - lagsShown)} more` : "";
  const listed = behind
    .slice(0, lagsShown)
    .map(({ shard, lag, offset }) => `${shard} ${count(lag)} (from ${count(offset)})`);
  return listed.join(", ") + rest;
}
