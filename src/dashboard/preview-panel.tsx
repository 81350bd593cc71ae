// What a change would move: how much, from whom to whom; and the shares before and afterwards.
import type { PreviewReport } from "../balancer/ring-preview.ts";
import { seatColour } from "./colours.ts";
import { count, percent } from "./figures.ts";
import { blocksMax, FlowChart } from "./flow-chart.tsx";
import { PageButtons, usePages } from "./pages.tsx";

interface PreviewPanelProps {
  readonly preview: PreviewReport;
  readonly nameOf: (seat: number) => string;
}

const movesShown = 12;

export function PreviewPanel({ preview, nameOf }: PreviewPanelProps) {
  const { moved, least, sampledKeys, before, after } = preview;
  const blocks = Math.max(Object.keys(before).length, Object.keys(after).length);
  return (
    <>
      <p class="moved">
        <strong>{percent(moved)}</strong> of the keys move
      </p>
      <p class="note">
        {least === 0
          ? "The shares stay what they are."
          : `To get to these shares at least ${percent(least)} must move.`}{" "}
        {sampledKeys !== null &&
          `Two placements have no slots in common: ${count(sampledKeys)} sample keys were looked up in both.`}
      </p>
      {moved > 0 && blocks <= blocksMax && <FlowChart preview={preview} nameOf={nameOf} />}
      {moved > 0 && <Moves preview={preview} nameOf={nameOf} />}
    </>
  );
}

function Moves({ preview: { moves, moved, movesLeftOut }, nameOf }: PreviewPanelProps) {
  const shown = moves.toSorted((a, b) => b.fraction - a.fraction).slice(0, movesShown);
  const more = moves.length + movesLeftOut.count - shown.length;
  const rest = moved - shown.reduce((sum, { fraction }) => sum + fraction, 0);
  const most = shown[0]?.fraction ?? 1;
  return (
    <table class="moves">
      <caption>
        <h3>From whom to whom</h3>
      </caption>
      <thead>
        <tr>
          <th>From</th>
          <th>To</th>
          <th>Of all keys</th>
        </tr>
      </thead>
      <tbody>
        {shown.map(({ from, to, fraction }) => (
          <tr key={`${from}-${to}`}>
            <td>
              <Seat seat={from} nameOf={nameOf} />
            </td>
            <td>
              <Seat seat={to} nameOf={nameOf} />
            </td>
            <td class="bar-cell">
              <span class="figure">{percent(fraction)}</span>
              <span class="bar">
                <span
                  style={{ width: `${(fraction / most) * 100}%`, background: seatColour(to ?? from ?? 1) }}
                />
              </span>
            </td>
          </tr>
        ))}
        {more > 0 && (
          <tr>
            <td colSpan={2} class="soft">
              {count(more)} smaller ones
            </td>
            <td class="bar-cell">
              <span class="figure">{percent(rest)}</span>
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Seat({ seat, nameOf }: { seat: number | null; nameOf: (seat: number) => string }) {
  if (seat === null) return <span class="soft">nobody</span>;
  return (
    <>
      <span class="swatch" style={{ background: seatColour(seat) }} />
      {nameOf(seat)}
    </>
  );
}

/** Shares before and afterwards. */
export function PreviewShares({ preview: { before, after }, nameOf }: PreviewPanelProps) {
  const seats = [...new Set([...Object.keys(before), ...Object.keys(after)].map(Number))].sort(
    (a, b) => a - b,
  );
  const pages = usePages(seats);
  const share = (of: Readonly<Record<string, number>>, seat: number) => {
    const value = of[seat];
    return value === undefined ? "–" : percent(value);
  };
  return (
    <>
      <table class="moves">
        <caption>
          <h3>Shares</h3>
        </caption>
        <thead>
          <tr>
            <th>Replica</th>
            <th class="right">Now</th>
            <th class="right">Then</th>
          </tr>
        </thead>
        <tbody>
          {pages.rows.map((seat) => (
            <tr key={seat}>
              <td class="wide">
                <Seat seat={seat} nameOf={nameOf} />
              </td>
              <td class="right">{share(before, seat)}</td>
              <td class="right">{share(after, seat)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <PageButtons of={pages} />
    </>
  );
}
