// From whom to whom keys go, drawn: those that stay are faint, those that move have the colour of who gets them.
import type { PreviewReport } from "../balancer/ring-preview.ts";
import { seatColour } from "./colours.ts";
import { percent } from "./figures.ts";
import { flowOf, type Ribbon } from "./flow.ts";

/** More blocks would be lines; the table tells it then. */
export const blocksMax = 24;

const size = { width: 560, block: 10, label: 92 } as const;
const left = size.label + size.block;
const right = size.width - size.label - size.block;

export function FlowChart({ preview, nameOf }: { preview: PreviewReport; nameOf: (seat: number) => string }) {
  const blocks = Math.max(Object.keys(preview.before).length, Object.keys(preview.after).length);
  const height = Math.max(220, blocks * 26);
  const flow = flowOf(preview, height, 4);
  const colour = (seat: number) => (seat === 0 ? "#8a8a8a" : seatColour(seat));
  // What moves lies on top of what stays.
  const ribbons = flow.ribbons.toSorted((a, b) => Number(a.from !== a.to) - Number(b.from !== b.to));
  return (
    <svg
      class="flow"
      viewBox={`0 -18 ${size.width} ${height + 20}`}
      role="img"
      aria-label={`${percent(preview.moved)} of the keys move; the table below tells from whom to whom`}
    >
      <text class="head" x={size.label} y="-8" text-anchor="end">
        Now
      </text>
      <text class="head" x={size.width - size.label} y="-8">
        Then
      </text>
      {ribbons.map((ribbon) => (
        <path
          key={`${ribbon.from}-${ribbon.to}`}
          d={pathOf(ribbon)}
          fill={colour(ribbon.to)}
          opacity={ribbon.from === ribbon.to ? 0.13 : 0.62}
        >
          <title>
            {ribbon.from === ribbon.to
              ? `${nameOf(ribbon.from)} keeps ${percent(ribbon.fraction)}`
              : `${percent(ribbon.fraction)} from ${nameOf(ribbon.from)} to ${nameOf(ribbon.to)}`}
          </title>
        </path>
      ))}
      {flow.left.map(({ seat, top, height: tall }) => (
        <g key={seat}>
          <rect x={size.label} y={top} width={size.block} height={tall} fill={colour(seat)} />
          <text x={size.label - 8} y={top + tall / 2} text-anchor="end" dominant-baseline="middle">
            {nameOf(seat)}
          </text>
        </g>
      ))}
      {flow.right.map(({ seat, top, height: tall }) => (
        <g key={seat}>
          <rect x={right} y={top} width={size.block} height={tall} fill={colour(seat)} />
          <text x={right + size.block + 8} y={top + tall / 2} dominant-baseline="middle">
            {nameOf(seat)}
          </text>
        </g>
      ))}
    </svg>
  );
}

function pathOf({ left: from, right: to, height }: Ribbon): string {
  const middle = (left + right) / 2;
  return (
    `M${left},${from}C${middle},${from} ${middle},${to} ${right},${to}` +
    `V${to + height}C${middle},${to + height} ${middle},${from + height} ${left},${from + height}Z`
  );
}
