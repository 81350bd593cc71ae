// The change as a form: how many join, which placement, and for each replica its weight and whether it leaves.
import type { RingReport } from "../balancer/ring-picture.ts";
import { seatColour } from "./colours.ts";
import { type Draft, emptyDraft } from "./draft.ts";
import { PageButtons, usePages } from "./pages.tsx";

const placements = ["rendezvous", "assignment", "ketama", "maglev", "jump"];
/** The server previews no more at once. */
const addMax = 64;

export interface DraftFormProps {
  readonly draft: Draft;
  readonly ring: RingReport;
  /** Given as a function of the draft of then: two controls may change within one drawing. */
  readonly onChange: (change: (draft: Draft) => Draft) => void;
}

export function DraftForm({ draft, ring, onChange }: DraftFormProps) {
  const pages = usePages(ring.members);
  const set = (change: Partial<Draft>) => onChange((before) => ({ ...before, ...change }));
  return (
    <form class="draft" onSubmit={(event) => event.preventDefault()}>
      <div class="draft-head">
        <label class="field">
          Join
          <input
            class="short"
            type="number"
            min="0"
            max={addMax}
            value={draft.add}
            onInput={({ currentTarget }) => set({ add: countIn(currentTarget.value) })}
          />
          replicas
        </label>
        <label class="field">
          Placement
          <select
            value={draft.placement ?? ring.placement}
            onChange={({ currentTarget: { value } }) =>
              set({ placement: value === ring.placement ? null : value })
            }
          >
            {placements.map((name) => (
              <option key={name} value={name}>
                {name === ring.placement ? `${name} (now)` : name}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="link"
          disabled={draft === emptyDraft}
          onClick={() => onChange(() => emptyDraft)}
        >
          Start over
        </button>
      </div>
      <table>
        <caption class="hidden">Replicas on the ring: weights, and who leaves</caption>
        <thead>
          <tr>
            <th>Replica</th>
            <th>Weight</th>
            <th>Leaves</th>
          </tr>
        </thead>
        <tbody>
          {pages.rows.map(({ seat, replica, weight }) => (
            <tr key={seat} class={draft.leaving.has(seat) ? "leaving" : undefined}>
              <td class="wide">
                <span class="swatch" style={{ background: seatColour(seat) }} />
                {replica ?? `seat ${seat}`}
              </td>
              <td>
                <input
                  class="short"
                  type="number"
                  min="0.01"
                  max="1000"
                  step="any"
                  aria-label={`Weight of ${replica ?? seat}`}
                  disabled={draft.leaving.has(seat)}
                  value={draft.weights.get(seat) ?? String(weight)}
                  onInput={({ currentTarget: { value } }) =>
                    onChange((before) => ({
                      ...before,
                      weights: new Map([...before.weights, [seat, value]]),
                    }))
                  }
                />
              </td>
              <td>
                <input
                  type="checkbox"
                  aria-label={`${replica ?? seat} leaves`}
                  checked={draft.leaving.has(seat)}
                  onChange={({ currentTarget: { checked } }) =>
                    onChange((before) => ({ ...before, leaving: toggled(before.leaving, seat, checked) }))
                  }
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <PageButtons of={pages} />
    </form>
  );
}

function countIn(text: string): number {
  const value = Math.round(Number(text));
  return value > 0 ? Math.min(addMax, value) : 0;
}

function toggled(seats: ReadonlySet<number>, seat: number, on: boolean): ReadonlySet<number> {
  const next = new Set(seats);
  if (on) next.add(seat);
  else next.delete(seat);
  return next;
}
