// Who has how much of the key space: the ring's picture as figures.
import type { RingMember } from "../balancer/ring-picture.ts";
import { seatColour } from "./colours.ts";
import { percent } from "./figures.ts";
import { PageButtons, usePages } from "./pages.tsx";

export interface SharesTableProps {
  readonly members: readonly RingMember[];
  readonly marked: number | null;
  readonly onPoint: (seat: number | null) => void;
}

export function SharesTable({ members, marked, onPoint }: SharesTableProps) {
  const pages = usePages(members);
  const weights = members.reduce((sum, { weight }) => sum + weight, 0);
  const most = Math.max(...members.map(({ share }) => share));
  return (
    <>
      <table class="shares">
        <caption class="hidden">Shares of the key space by replica</caption>
        <thead>
          <tr>
            <th>Replica</th>
            <th class="right">Seat</th>
            <th class="right">Weight</th>
            <th>Share</th>
            <th class="right" title="How far the share is from what the weight asks for">
              Off by
            </th>
          </tr>
        </thead>
        <tbody onPointerLeave={() => onPoint(null)}>
          {pages.rows.map(({ seat, replica, weight, share }) => (
            <tr
              key={seat}
              class={seat === marked ? "marked" : undefined}
              onPointerEnter={() => onPoint(seat)}
            >
              <td>
                <span class="swatch" style={{ background: seatColour(seat) }} />
                {replica ?? <span class="soft">nobody now</span>}
              </td>
              <td class="right">{seat}</td>
              <td class="right">{weight}</td>
              <td class="bar-cell">
                <span class="figure">{percent(share)}</span>
                <span class="bar">
                  <span style={{ width: `${(share / most) * 100}%`, background: seatColour(seat) }} />
                </span>
              </td>
              <td class="right soft">{offBy(share, weight / weights)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <PageButtons of={pages} />
    </>
  );
}

function offBy(share: number, fair: number): string {
  const part = (share / fair - 1) * 100;
  const text = Math.abs(part) < 0.05 ? "0" : Math.abs(part).toFixed(1);
  return `${text === "0" ? "" : part < 0 ? "−" : "+"}${text} %`;
}
