// The messages of a topic, a page at a time: the latest, from an offset, or from a time.
import { useEffect, useState } from "preact/hooks";
import { bytes, count } from "./figures.ts";
import { preview, type Shown, shown } from "./message-text.ts";
import { type From, type MessagePage, readMessages, type Shard, type StoredMessage } from "./queue-calls.ts";
import { visible } from "./visible-text.ts";

interface MessagesProps {
  readonly topic: string;
  readonly shards: readonly Shard[];
}

const pageSize = 25;

/** What is shown: the latest, or a place that was asked for. */
type Place = "latest" | From;

export function Messages({ topic, shards }: MessagesProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const shard =
    shards.find(({ name }) => name === chosen) ?? shards.find(({ start, end }) => end > start) ?? shards[0];
  const [place, setPlace] = useState<Place>("latest");
  const [open, setOpen] = useState<number | null>(null);
  // The latest go on by themselves, but not from under somebody who reads one of them.
  const { page, problem } = usePage(topic, shard, place, place === "latest" && open === null);
  if (shard === undefined) return null;
  const first = page?.messages[0]?.offset ?? page?.next ?? 0;
  const earlier = Math.max(page?.start ?? 0, first - pageSize);
  return (
    <section class="section" aria-labelledby="messages">
      <div class="view-head">
        <h2 id="messages">Messages</h2>
        <PlaceForm
          shards={shards}
          shard={shard.name}
          onShard={(name) => {
            setChosen(name);
            setPlace("latest");
          }}
          onPlace={setPlace}
        />
        <div class="actions">
          <button
            type="button"
            disabled={page === null || first <= page.start}
            onClick={() => setPlace({ offset: earlier })}
          >
            Earlier
          </button>
          <button
            type="button"
            disabled={page === null || page.next >= page.end}
            onClick={() => page && setPlace({ offset: page.next })}
          >
            Later
          </button>
          <button type="button" disabled={place === "latest"} onClick={() => setPlace("latest")}>
            Latest
          </button>
        </div>
      </div>
      {problem !== null && (
        <p class="refused" role="alert">
          {problem}
        </p>
      )}
      {page !== null && (
        <MessageTable page={page} newestFirst={place === "latest"} open={open} onOpen={setOpen} />
      )}
    </section>
  );
}

function usePage(topic: string, shard: Shard | undefined, place: Place, follows: boolean) {
  const [page, setPage] = useState<MessagePage | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const { name, start = 0, end = 0 } = shard ?? {};
  useEffect(() => {
    if (name === undefined) return;
    const left = new AbortController();
    const from = place === "latest" ? { offset: Math.max(start, end - pageSize) } : place;
    readMessages(topic, name, from, pageSize, left.signal)
      .then((answer) => {
        setPage(answer);
        setProblem(null);
      })
      .catch((error: Error) => {
        if (!left.signal.aborted) setProblem(error.message);
      });
    return () => left.abort();
  }, [topic, name, place, follows ? end : null]);
  return { page, problem };
}

interface PlaceFormProps {
  readonly shards: readonly Shard[];
  readonly shard: string;
  onShard(name: string): void;
  onPlace(place: Place): void;
}

function PlaceForm({ shards, shard, onShard, onPlace }: PlaceFormProps) {
  const [by, setBy] = useState<"offset" | "time">("offset");
  const [text, setText] = useState("");
  function go(event: Event): void {
    event.preventDefault();
    const value = by === "offset" ? Number(text) : new Date(text).getTime();
    if (text !== "" && Number.isSafeInteger(value) && value >= 0) {
      onPlace(by === "offset" ? { offset: value } : { time: value });
    }
  }
  return (
    <form class="place" onSubmit={go}>
      <select aria-label="Shard" value={shard} onChange={({ currentTarget }) => onShard(currentTarget.value)}>
        {shards.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <select
        aria-label="Read from"
        value={by}
        onChange={({ currentTarget }) => {
          setBy(currentTarget.value === "time" ? "time" : "offset");
          setText("");
        }}
      >
        <option value="offset">from offset</option>
        <option value="time">from time</option>
      </select>
      <input
        key={by}
        type={by === "offset" ? "number" : "datetime-local"}
        min={by === "offset" ? "0" : undefined}
        step="1"
        required
        aria-label={by === "offset" ? "Offset" : "Time"}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button type="submit">Go</button>
    </form>
  );
}

interface MessageTableProps {
  readonly page: MessagePage;
  /** For who looks at the latest. */
  readonly newestFirst: boolean;
  /** The offset of the message that is shown whole. */
  readonly open: number | null;
  onOpen(offset: number | null): void;
}

function MessageTable({ page, newestFirst, open, onOpen }: MessageTableProps) {
  if (page.messages.length === 0) {
    return <p class="soft">{page.end === page.start ? "No messages yet." : "No messages from there on."}</p>;
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table" tabIndex={0} aria-label="Messages read">
        <table class="messages">
          <thead>
            <tr>
              <th class="right">Offset</th>
              <th>Time</th>
              <th>Key</th>
              <th>Value</th>
            </tr>
          </thead>
          <tbody>
            {(newestFirst ? page.messages.toReversed() : page.messages).map((message) => (
              <MessageRows
                key={message.offset}
                message={message}
                isOpen={open === message.offset}
                onToggle={() => onOpen(open === message.offset ? null : message.offset)}
              />
            ))}
          </tbody>
        </table>
      </section>
      <p class="note">
        {count(page.messages[0]?.offset ?? 0)} to {count(page.next - 1)},{" "}
        {newestFirst ? "the newest first" : "the oldest first"}; the shard has {count(page.start)} to{" "}
        {count(page.end - 1)}.
      </p>
    </>
  );
}

interface MessageRowsProps {
  readonly message: StoredMessage;
  readonly isOpen: boolean;
  onToggle(): void;
}

function MessageRows({ message, isOpen, onToggle }: MessageRowsProps) {
  const { offset, timestamp_ms, key, key_base64, value, value_base64 } = message;
  return (
    <>
      <tr class={isOpen ? "marked" : undefined}>
        <td class="right">
          <button
            type="button"
            class="link"
            aria-expanded={isOpen}
            aria-label={`Message ${offset}`}
            onClick={onToggle}
          >
            {count(offset)}
          </button>
        </td>
        <td>{timeText(timestamp_ms)}</td>
        <td class="mono cut">{preview(key, key_base64) || <span class="soft">–</span>}</td>
        <td class="mono cut wide">
          {value === null ? <span class="soft">tombstone</span> : preview(value, value_base64)}
        </td>
      </tr>
      {isOpen && (
        <tr class="opened">
          <td colSpan={4}>
            <Whole title="Key" of={shown(key, key_base64)} />
            <Whole title="Value" of={shown(value, value_base64)} />
            <Headers message={message} />
          </td>
        </tr>
      )}
    </>
  );
}

function Whole({ title, of: { kind, text, bytes: size } }: { readonly title: string; readonly of: Shown }) {
  return (
    <div>
      <h3>
        {title} <span class="note">{kind === "nothing" ? "none" : `${kind}, ${bytes(size)}`}</span>
      </h3>
      {kind !== "nothing" && <pre>{text}</pre>}
    </div>
  );
}

function Headers({ message: { headers = {}, headers_base64 = {} } }: { readonly message: StoredMessage }) {
  const all = [
    ...Object.entries(headers).map(([name, text]) => [name, shown(text, undefined).text]),
    ...Object.entries(headers_base64).map(([name, base64]) => [name, preview(undefined, base64)]),
  ];
  if (all.length === 0) return null;
  return (
    <div>
      <h3>Headers</h3>
      <pre>{all.map(([name, text]) => `${visible(name ?? "")}: ${text}`).join("\n")}</pre>
    </div>
  );
}

/** In the browser's own time zone, to the millisecond, in an order that sorts. */
function timeText(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 23).replace("T", " ");
}
