// The replicas as a table: state, load, and what each takes of the machine.
import type { ReplicaReport } from "../balancer/admin-api.ts";
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { ReplicaFigures } from "../telemetry/traffic-step.ts";
import { useNowMs } from "./clock.ts";
import { seatColour } from "./colours.ts";
import { age, bytes, count, duration, percent, short } from "./figures.ts";
import { useReading } from "./live.ts";
import { PageButtons, usePages } from "./pages.tsx";

interface FleetTableProps {
  readonly replicas: readonly ReplicaReport[];
  readonly onOpen: (name: string) => void;
}

const columns: readonly (readonly [title: string, explained?: string])[] = [
  ["For", "How long it has been in this state"],
  ["Weight"],
  ["Share", "Of the key space"],
  ["Requests/s"],
  ["Errors/s"],
  ["p50"],
  ["p99"],
  ["In flight"],
  ["CPU", "Of one core; more than one core is more than 100 %"],
  ["Memory", "Resident, of its whole process tree"],
];

export function FleetTable({ replicas, onOpen }: FleetTableProps) {
  const pages = usePages(replicas);
  const traffic = useReading<TrafficNow>("traffic");
  const nowMs = useNowMs();
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="table" tabIndex={0} aria-label="Replicas">
        <table class="fleet">
          <thead>
            <tr>
              <th>Replica</th>
              <th>State</th>
              {columns.map(([title, explained]) => (
                <th key={title} class="right" title={explained}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {pages.rows.map((replica) => (
              <Row
                key={replica.name}
                replica={replica}
                figures={traffic?.figures[replica.name]}
                nowMs={nowMs}
                onOpen={onOpen}
              />
            ))}
          </tbody>
        </table>
      </section>
      <PageButtons of={pages} />
    </>
  );
}

interface RowProps {
  readonly replica: ReplicaReport;
  readonly figures: ReplicaFigures | undefined;
  readonly nowMs: number;
  readonly onOpen: (name: string) => void;
}

function Row({ replica, figures, nowMs, onOpen }: RowProps) {
  const { name, seat, weight, share, inFlight, sinceMs, cpuPercent, rssBytes } = replica;
  const values = [
    age(sinceMs, nowMs),
    seat === 0 ? null : String(weight),
    share === null ? null : percent(share),
    figures === undefined ? null : short(figures.requestsPerS),
    figures === undefined ? null : short(figures.errorsPerS),
    figures === undefined || figures.p50Ms === null ? null : duration(figures.p50Ms),
    figures === undefined || figures.p99Ms === null ? null : duration(figures.p99Ms),
    count(inFlight),
    cpuPercent === null ? null : `${cpuPercent} %`,
    rssBytes === null ? null : bytes(rssBytes),
  ];
  return (
    <tr>
      <td>
        <span class="swatch" style={{ background: seat === 0 ? "transparent" : seatColour(seat) }} />
        <button type="button" class="link" aria-label={`Details of ${name}`} onClick={() => onOpen(name)}>
          {name}
        </button>
      </td>
      <td class="wide">
        <StateText replica={replica} />
      </td>
      {values.map((value, index) => (
        <td key={columns[index]?.[0]} class="right">
          {value ?? <span class="soft">–</span>}
        </td>
      ))}
    </tr>
  );
}

/** With the reason, unless it is the usual one. */
export function StateText({ replica: { state, seat, reason, condition } }: { replica: ReplicaReport }) {
  const aside = condition?.ejection?.phase === "serving" ? null : condition?.ejection?.reason;
  const usual = state === "healthy" && (aside === null || aside === undefined);
  return (
    <>
      <span class={`state ${state}`}>{seat === 0 ? `spare, ${state}` : state}</span>
      {!usual && <span class="soft reason">{aside ? `set aside: ${aside}` : reason}</span>}
    </>
  );
}
