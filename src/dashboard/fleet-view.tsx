// The fleet: each replica, how it is, since when and why, and what may be done about it.
import { useState } from "preact/hooks";
import type { ReplicaReport } from "../balancer/admin-api.ts";
import { useNowMs } from "./clock.ts";
import { seatColour } from "./colours.ts";
import { age, count, percent } from "./figures.ts";
import { AddDialog, RemoveDialog, WeightDialog } from "./fleet-dialogs.tsx";
import { useChangeRefusal } from "./may-change.ts";
import { PageButtons, usePages } from "./pages.tsx";
import type { ViewProps } from "./views.ts";

/** What is asked about now; a replica by its name, since its report changes meanwhile. */
type Asked = { readonly what: "add" } | { readonly what: "remove" | "weight"; readonly name: string } | null;

export function FleetView({ fleet }: ViewProps) {
  const [filter, setFilter] = useState("");
  const [asked, setAsked] = useState<Asked>(null);
  const refusal = useChangeRefusal();
  const all = [...fleet.replicas, ...fleet.spares];
  const pages = usePages(all.filter((replica) => matches(replica, filter)));
  const about =
    asked !== null && asked.what !== "add" ? all.find(({ name }) => name === asked.name) : undefined;
  const close = () => setAsked(null);
  return (
    <section>
      <div class="view-head">
        <h2>{count(fleet.replicas.length)} replicas</h2>
        <input
          type="search"
          placeholder="Find by name, state, address"
          aria-label="Find replicas"
          value={filter}
          onInput={({ currentTarget }) => setFilter(currentTarget.value)}
        />
        <button
          type="button"
          class="primary"
          disabled={refusal !== null}
          title={refusal ?? undefined}
          onClick={() => setAsked({ what: "add" })}
        >
          Add replicas
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table" tabIndex={0} aria-label="Replicas">
        <table>
          <thead>
            <tr>
              <th>Replica</th>
              <th>State</th>
              <th>Why</th>
              <th class="right">For</th>
              <th class="right">Seat</th>
              <th class="right">Weight</th>
              <th class="right">Share</th>
              <th class="right">In flight</th>
              <th>Address</th>
              <th class="right">Process</th>
              <th>
                <span class="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {pages.rows.map((replica) => (
              <Row key={replica.name} replica={replica} refusal={refusal} onAsk={setAsked} />
            ))}
          </tbody>
        </table>
      </section>
      {pages.total === 0 && (
        <p class="empty">{all.length === 0 ? "There are no replicas." : `No replica matches “${filter}”.`}</p>
      )}
      <PageButtons of={pages} />
      {refusal !== null && <p class="note">Nothing can be changed from here: {refusal}.</p>}
      {asked?.what === "add" && <AddDialog onClose={close} />}
      {asked?.what === "remove" && about && <RemoveDialog replica={about} onClose={close} />}
      {asked?.what === "weight" && about && <WeightDialog replica={about} onClose={close} />}
    </section>
  );
}

function matches({ name, state, address }: ReplicaReport, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [name, state, address ?? ""].some((text) => text.toLowerCase().includes(wanted));
}

interface RowProps {
  readonly replica: ReplicaReport;
  readonly refusal: string | null;
  readonly onAsk: (asked: Asked) => void;
}

function Row({ replica, refusal, onAsk }: RowProps) {
  const { name, state, seat, weight, share, inFlight, address, pid, reason, sinceMs } = replica;
  const nowMs = useNowMs();
  const leaving = state === "draining" || state === "dead";
  const none = <span class="soft">–</span>;
  return (
    <tr>
      <td>
        <span class="swatch" style={{ background: seat === 0 ? "transparent" : seatColour(seat) }} />
        {name}
      </td>
      <td>
        <span class={`state ${state}`}>{seat === 0 ? `spare, ${state}` : state}</span>
      </td>
      <td class="wide soft">{reason}</td>
      <td class="right">{age(sinceMs, nowMs)}</td>
      <td class="right">{seat === 0 ? none : seat}</td>
      <td class="right">
        {seat === 0 ? (
          none
        ) : (
          <button
            type="button"
            class="link"
            disabled={refusal !== null || leaving}
            aria-label={`Weight of ${name}: ${weight}. Change it`}
            onClick={() => onAsk({ what: "weight", name })}
          >
            {weight}
          </button>
        )}
      </td>
      <td class="right">{share === null ? none : percent(share)}</td>
      <td class="right">{count(inFlight)}</td>
      <td class="mono">{address ?? none}</td>
      <td class="right mono">{pid ?? none}</td>
      <td class="right">
        {seat !== 0 && (
          <button
            type="button"
            disabled={refusal !== null || leaving}
            aria-label={`Remove ${name}`}
            onClick={() => onAsk({ what: "remove", name })}
          >
            Remove
          </button>
        )}
      </td>
    </tr>
  );
}
