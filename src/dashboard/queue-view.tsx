// The queue: its brokers, its topics, and of one topic the shards, the consumers and the messages.
import { useEffect, useState } from "preact/hooks";
import type { QueueReading } from "../balancer/dashboard/dashboard.ts";
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { BrokerReport, QueueReport } from "../balancer/queue-report.ts";
import { bytes, count, short } from "./figures.ts";
import { useReading } from "./live.ts";
import { useChangeRefusal } from "./may-change.ts";
import { usePolled } from "./polled.ts";
import { listTopics, type TopicName } from "./queue-calls.ts";
import { NewTopicDialog } from "./queue-dialogs.tsx";
import { TopicPanel } from "./queue-topic.tsx";

export function QueueView() {
  const reading = useReading<QueueReading>("queue");
  if (reading === null) return <p class="empty">Reading the queue…</p>;
  if (reading.queue === null) {
    return (
      <div class="empty">
        <h2>There is no queue here</h2>
        <p>
          Start with <code>roundhouse up --queue</code> for a sharded, durable queue beside the replicas.
        </p>
      </div>
    );
  }
  return <Queue queue={reading.queue} />;
}

function Queue({ queue }: { readonly queue: QueueReport }) {
  const topics = usePolled(listTopics, 3_000, "");
  useEffect(topics.again, [queue.topics]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  const refusal = useChangeRefusal();
  const all = topics.answer ?? [];
  const topic = all.find(({ name }) => name === chosen) ?? all[0];
  return (
    <section>
      <QueueFigures queue={queue} />
      <div class="queue">
        <section aria-labelledby="topics">
          <div class="view-head">
            <h2 id="topics">Topics</h2>
            <button
              type="button"
              disabled={refusal !== null}
              title={refusal ?? undefined}
              onClick={() => setAdding(true)}
            >
              New topic
            </button>
          </div>
          <TopicList topics={all} chosen={topic?.name} onChoose={setChosen} />
          {topics.answer !== null && all.length === 0 && <p class="soft">There are no topics yet.</p>}
          {topics.problem !== null && <p class="refused">{topics.problem}</p>}
          <Brokers brokers={queue.brokers} />
        </section>
        {topic === undefined ? (
          <p class="empty">Create a topic, and its shards and messages are shown here.</p>
        ) : (
          <TopicPanel key={topic.name} name={topic.name} onDeleted={topics.again} />
        )}
      </div>
      {refusal !== null && <p class="note">Nothing can be changed from here: {refusal}.</p>}
      {adding && (
        <NewTopicDialog
          onClose={() => setAdding(false)}
          onCreated={(name) => {
            setChosen(name);
            topics.again();
          }}
        />
      )}
    </section>
  );
}

function QueueFigures({ queue }: { readonly queue: QueueReport }) {
  const totals = useReading<TrafficNow>("traffic")?.totals ?? null;
  const live = queue.brokers.filter(({ phase }) => phase === "live").length;
  return (
    <dl class="headline">
      <Item name="Messages in/s">{short(totals?.queueMessagesPerS ?? 0)}</Item>
      <Item name="In/s">{bytes(totals?.queueBytesPerS ?? 0)}</Item>
      <Item name="Appended since the start">{short(queue.messages)}</Item>
      <Item name="Brokers" bad={live < queue.brokers.length || live === 0}>
        {count(live)} of {count(queue.brokers.length)}
      </Item>
      <Item name="Tablets served" bad={queue.unserved > 0}>
        {count(queue.tablets - queue.unserved)} of {count(queue.tablets)}
      </Item>
      <Item name="Waiting for an owner" bad={queue.parked > 0}>
        {count(queue.parked)}
      </Item>
    </dl>
  );
}

interface ItemProps {
  readonly name: string;
  readonly bad?: boolean;
  readonly children: preact.ComponentChildren;
}

function Item({ name, bad = false, children }: ItemProps) {
  return (
    <div class={bad ? "bad" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface TopicListProps {
  readonly topics: readonly TopicName[];
  readonly chosen: string | undefined;
  onChoose(name: string): void;
}

/** More than that are found by name. */
const topicsShown = 100;

function TopicList({ topics, chosen, onChoose }: TopicListProps) {
  const [filter, setFilter] = useState("");
  const found = topics.filter(({ name }) => name.toLowerCase().includes(filter.trim().toLowerCase()));
  return (
    <>
      {topics.length > 12 && (
        <input
          type="search"
          aria-label="Find topics"
          placeholder={`Find among ${count(topics.length)}`}
          value={filter}
          onInput={({ currentTarget }) => setFilter(currentTarget.value)}
        />
      )}
      <ul class="topics">
        {found.slice(0, topicsShown).map(({ name, shards }) => (
          <li key={name}>
            <button
              type="button"
              class="plain"
              aria-current={name === chosen ? "true" : undefined}
              onClick={() => onChoose(name)}
            >
              <span>{name}</span>
              <span class="soft">
                {count(shards.length)} {shards.length === 1 ? "shard" : "shards"}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {found.length > topicsShown && (
        <p class="note">{count(found.length - topicsShown)} more: find them by name.</p>
      )}
    </>
  );
}

const phaseState: Readonly<Record<BrokerReport["phase"], string>> = {
  starting: "starting",
  live: "healthy",
  leaving: "draining",
  dying: "dead",
};

function Brokers({ brokers }: { readonly brokers: readonly BrokerReport[] }) {
  return (
    <section class="section">
      <h2>Brokers</h2>
      <table>
        <thead>
          <tr>
            <th>Broker</th>
            <th>Phase</th>
            <th class="right">Tablets</th>
          </tr>
        </thead>
        <tbody>
          {brokers.map(({ name, phase, address, tablets }) => (
            <tr key={name}>
              <td title={address ?? undefined}>{name}</td>
              <td>
                <span class={`state ${phaseState[phase]}`}>{phase}</span>
              </td>
              <td class="right">{count(tablets)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
