// The changes of the queue that ask first: a new topic, a test message, deleting a topic.
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { count } from "./figures.ts";
import { notify } from "./notices.tsx";
import { createTopic, deleteTopic, produce, type Topic } from "./queue-calls.ts";

interface Closable {
  onClose(): void;
}

export function NewTopicDialog({ onClose, onCreated }: Closable & { onCreated(name: string): void }) {
  const [name, setName] = useState("");
  const [shards, setShards] = useState("4");
  async function submit(): Promise<null> {
    await createTopic(name, Number(shards));
    notify("done", `The topic ${name} was created`);
    onCreated(name);
    return null;
  }
  return (
    <Dialog title="New topic" action="Create" onClose={onClose} onSubmit={submit}>
      <label>
        Name
        <input
          type="text"
          required
          maxLength={249}
          value={name}
          onInput={({ currentTarget }) => setName(currentTarget.value)}
        />
      </label>
      <label>
        Shards
        <input
          type="number"
          min="1"
          max="1000"
          required
          value={shards}
          onInput={({ currentTarget }) => setShards(currentTarget.value)}
        />
      </label>
      <p class="note">Messages of one key go to one shard and keep their order. Shards can be added later.</p>
    </Dialog>
  );
}

interface ProduceProps extends Closable {
  readonly topic: string;
  readonly shards: readonly string[];
  onProduced(): void;
}

export function ProduceDialog({ topic, shards, onClose, onProduced }: ProduceProps) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [shard, setShard] = useState("");
  async function submit(): Promise<null> {
    const message = { ...(key === "" ? {} : { key }), value };
    const { appended } = await produce(topic, shard === "" ? null : shard, message);
    const [where] = appended;
    notify("done", where ? `Stored at offset ${count(where.base_offset)} of ${where.shard}` : "Stored");
    onProduced();
    return null;
  }
  return (
    <Dialog title={`Produce to ${topic}`} action="Produce" onClose={onClose} onSubmit={submit}>
      <label>
        Key, if it shall have one
        <input type="text" value={key} onInput={({ currentTarget }) => setKey(currentTarget.value)} />
      </label>
      <label>
        Value
        <textarea
          rows={5}
          required
          spellcheck={false}
          class="mono"
          value={value}
          onInput={({ currentTarget }) => setValue(currentTarget.value)}
        />
      </label>
      <label>
        Shard
        <select value={shard} onChange={({ currentTarget }) => setShard(currentTarget.value)}>
          <option value="">by its key, or in turn</option>
          {shards.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </Dialog>
  );
}

export function DeleteTopicDialog({
  topic,
  onClose,
  onDeleted,
}: Closable & { readonly topic: Topic; onDeleted(): void }) {
  const { name, shards } = topic;
  const messages = shards.reduce((sum, { start, end }) => sum + end - start, 0);
  const [typed, setTyped] = useState("");
  async function submit(): Promise<string | null> {
    if (typed !== name) return `Type ${name} to delete it`;
    await deleteTopic(name);
    notify("done", `The topic ${name} was deleted`);
    onDeleted();
    return null;
  }
  return (
    <Dialog title={`Delete ${name}?`} action="Delete for ever" danger onClose={onClose} onSubmit={submit}>
      <p>
        Its {count(messages)} messages and the places of its consumers are gone for ever, also for consumers
        that read now.
      </p>
      <label>
        Type the topic's name
        <input
          type="text"
          required
          autocomplete="off"
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}
