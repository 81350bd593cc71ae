// What helps against keys that are too popular: the bound on loads, spread keys, and the hot keys that ask for it.
import { useState } from "preact/hooks";
import type { SteeringReading } from "../balancer/dashboard/dashboard.ts";
import type { HotKeyReport, PolicyReport } from "../balancer/steering-api.ts";
import { call } from "./calls.ts";
import { Dialog } from "./dialog.tsx";
import { count, percent, short } from "./figures.ts";
import { useReading } from "./live.ts";
import { useChangeRefusal } from "./may-change.ts";
import { attempt, notify } from "./notices.tsx";
import { visible } from "./visible-text.ts";

type KeyName = string | number;

export function SteeringPanel() {
  const steering = useReading<SteeringReading>("steering");
  const refusal = useChangeRefusal();
  const [asked, setAsked] = useState<"bound" | { readonly spread: KeyName } | null>(null);
  if (steering === null) return null;
  const { policy, hotKeys } = steering;
  const close = () => setAsked(null);
  return (
    <div class="columns steering">
      <section aria-labelledby="bound">
        <div class="view-head">
          <h2 id="bound">Bounded load</h2>
          <button
            type="button"
            disabled={refusal !== null}
            title={refusal ?? undefined}
            onClick={() => setAsked("bound")}
          >
            Change
          </button>
        </div>
        <BoundState policy={policy} />
      </section>
      <section aria-labelledby="hot-keys">
        <div class="view-head">
          <h2 id="hot-keys">Hot keys</h2>
        </div>
        {hotKeys === null && (
          <p class="soft">
            Every request has a key of its own, so that none can be hot. Start with a key that recurs, such as{" "}
            <code>--key path</code>.
          </p>
        )}
        {hotKeys !== null && hotKeys.keys.length === 0 && <p class="soft">No key stands out now.</p>}
        {hotKeys !== null && hotKeys.keys.length > 0 && (
          <HotKeys keys={hotKeys.keys} refusal={refusal} onSpread={(spread) => setAsked({ spread })} />
        )}
        {policy.spreads.length > 0 && <Spreads policy={policy} refusal={refusal} />}
      </section>
      {asked === "bound" && <BoundDialog now={policy.boundedLoad} onClose={close} />}
      {typeof asked === "object" && asked !== null && <SpreadDialog name={asked.spread} onClose={close} />}
    </div>
  );
}

function BoundState({
  policy: { boundedLoad, bounded, overflowed, overflowShare },
}: {
  policy: PolicyReport;
}) {
  if (boundedLoad === "off") {
    return <p class="soft">Off: a key goes to its owner however busy that is.</p>;
  }
  return (
    <>
      <p>
        No replica gets more than <strong>{boundedLoad}</strong> times its fair part of the requests in
        flight; what is beyond goes to the next on the ring.
      </p>
      <p class="soft">
        {percent(overflowShare)} of {count(bounded)} requests overflowed ({count(overflowed)}).
      </p>
    </>
  );
}

interface HotKeysProps {
  readonly keys: readonly HotKeyReport[];
  readonly refusal: string | null;
  readonly onSpread: (key: KeyName) => void;
}

function HotKeys({ keys, refusal, onSpread }: HotKeysProps) {
  return (
    <table>
      <caption class="hidden">The keys asked for most</caption>
      <thead>
        <tr>
          <th>Key</th>
          <th class="right">Requests/s</th>
          <th class="right">Of all</th>
          <th>Owner</th>
          <th>
            <span class="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map(({ key, cut, ratePerS, share, replica, over }) => (
          <tr key={key}>
            <td class="key-text">
              <code>{visible(String(key))}</code>
            </td>
            <td class="right">{short(ratePerS)}</td>
            <td class="right">{percent(share)}</td>
            <td>{over === null ? (replica ?? "–") : `spread over ${over}`}</td>
            <td class="right">
              {over === null && !cut && (
                <button
                  type="button"
                  disabled={refusal !== null}
                  aria-label={`Spread the key ${key}`}
                  onClick={() => onSpread(key)}
                >
                  Spread
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Spreads({ policy, refusal }: { policy: PolicyReport; refusal: string | null }) {
  const stop = (key: KeyName) =>
    void attempt(`The key ${key} goes to its owner alone again`, () =>
      call("DELETE", `/api/v1/spreads?${query(key)}`),
    );
  return (
    <>
      <h3>Spread keys</h3>
      <ul class="spreads">
        {policy.spreads.map(({ key, replicas }) => (
          <li key={key}>
            <code>{visible(String(key))}</code>
            <span class="soft">served by {replicas.join(", ")}</span>
            <button
              type="button"
              disabled={refusal !== null}
              aria-label={`Stop spreading ${key}`}
              onClick={() => stop(key)}
            >
              Stop
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function query(key: KeyName): string {
  return typeof key === "number" ? `id=${key}` : `key=${encodeURIComponent(key)}`;
}

function BoundDialog({ now, onClose }: { now: number | "off"; onClose: () => void }) {
  const [on, setOn] = useState(true);
  const [factor, setFactor] = useState(now === "off" ? "1.25" : String(now));
  async function submit(): Promise<null> {
    await call("PUT", "/api/v1/bounded-load", { factor: on ? Number(factor) : "off" });
    notify(
      "done",
      on ? `Loads are bounded to ${factor} times the fair part` : "Loads are not bounded any more",
    );
    return null;
  }
  return (
    <Dialog title="Bounded load" action="Set" onClose={onClose} onSubmit={submit}>
      <label class="field">
        <input type="checkbox" checked={on} onChange={({ currentTarget }) => setOn(currentTarget.checked)} />
        Bound each replica's load
      </label>
      <label>
        Times its fair part of the requests in flight
        <input
          type="number"
          min="1.01"
          max="100"
          step="0.01"
          required
          disabled={!on}
          value={factor}
          onInput={({ currentTarget }) => setFactor(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}

function SpreadDialog({ name, onClose }: { name: KeyName; onClose: () => void }) {
  const [over, setOver] = useState("2");
  async function submit(): Promise<null> {
    const key = typeof name === "number" ? { id: name } : { key: name };
    await call("PUT", "/api/v1/spreads", { ...key, over: Number(over) });
    notify("done", `The key ${name} is spread over ${over} replicas`);
    return null;
  }
  return (
    <Dialog title="Spread a hot key" action="Spread" onClose={onClose} onSubmit={submit}>
      <p>
        Requests for <code>{String(name)}</code> are then served by its first candidates on the ring, and not
        by its owner alone.
      </p>
      <label>
        Over how many replicas
        <input
          type="number"
          min="2"
          max="64"
          required
          value={over}
          onInput={({ currentTarget }) => setOver(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}
