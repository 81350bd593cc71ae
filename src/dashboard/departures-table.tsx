// Who has gone lately: when, why, and who took the seat after how long.
import { useEffect, useState } from "preact/hooks";
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { ReplicasReport } from "../balancer/records-api.ts";
import { call } from "./calls.ts";
import { useNowMs } from "./clock.ts";
import { seatColour } from "./colours.ts";
import { age, count, duration } from "./figures.ts";
import { useReading } from "./live.ts";

const shown = 10;

export function DeparturesTable({ onOpen }: { onOpen: (name: string) => void }) {
  const departed = useReading<TrafficNow>("traffic")?.departed ?? 0;
  const departures = useDepartures(departed);
  const nowMs = useNowMs();
  if (departures.length === 0) return null;
  return (
    <section class="section" aria-labelledby="gone">
      <h2 id="gone">Gone lately</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table" tabIndex={0} aria-label="Replicas that are gone">
        <table>
          <thead>
            <tr>
              <th>Replica</th>
              <th class="right">Ago</th>
              <th>Why</th>
              <th>Its seat</th>
            </tr>
          </thead>
          <tbody>
            {departures.slice(0, shown).map(({ name, seat, goneMs, reason, replaced, successor }) => (
              <tr key={`${name} ${goneMs}`}>
                <td>
                  <span class="swatch" style={{ background: seatColour(seat) }} />
                  <button
                    type="button"
                    class="link"
                    aria-label={`Details of ${name}`}
                    onClick={() => onOpen(name)}
                  >
                    {name}
                  </button>
                </td>
                <td class="right">{age(goneMs, nowMs)}</td>
                <td class="wide">{reason}</td>
                <td>{fateOf(replaced, successor)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {departed > shown && <p class="note">{count(departed)} have gone since the start.</p>}
    </section>
  );
}

/** What became of the seat, in words. */
export function fateOf(
  replaced: boolean,
  successor: { readonly name: string; readonly tookMs: number } | null,
): string {
  if (!replaced) return "given up";
  if (successor === null) return "waits for a successor";
  const { name, tookMs } = successor;
  return tookMs <= 0 ? `${name} had taken over before` : `${name} after ${duration(tookMs)}`;
}

/** Until the last one's successor is there it is looked at again. */
function useDepartures(departed: number): ReplicasReport["departures"] {
  const [departures, setDepartures] = useState<ReplicasReport["departures"]>([]);
  const waiting = departures.some(({ replaced, successor }) => replaced && successor === null);
  const [look, setLook] = useState(0);
  useEffect(() => {
    if (departed === 0) return;
    const stopped = new AbortController();
    call<ReplicasReport>("GET", "/api/v1/replicas", undefined, stopped.signal)
      .then((report) => setDepartures(report.departures))
      .catch(() => {}); // the connection's state is shown above; the next change asks again
    return () => stopped.abort();
  }, [departed, look]);
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(() => setLook((times) => times + 1), 1_000);
    return () => clearInterval(timer);
  }, [waiting]);
  return departures;
}
