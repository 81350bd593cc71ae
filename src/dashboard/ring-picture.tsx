// The ring as an annulus on a canvas: coloured by replica, one of them brought out when it is pointed at, and the slot of
// a key marked. What it shows is told by the table beside it too.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RingMember, RingReport } from "../balancer/ring-picture.ts";
import { useCell } from "./cell.ts";
import { seatColour } from "./colours.ts";
import { count, percent } from "./figures.ts";
import {
  annulusOf,
  bytesOfColour,
  cellOfPlace,
  innerRadius,
  paint,
  placeAt,
  textureOf,
} from "./ring-texture.ts";
import { isDark } from "./theme.tsx";

export interface RingPictureProps {
  readonly ring: RingReport;
  /** Seat to bring out; null: all alike. */
  readonly marked: number | null;
  /** Where on the turn a key falls, 0…1; null: nowhere. */
  readonly keyAt: number | null;
  readonly onPoint: (seat: number | null) => void;
}

/** More pixels than the eye resolves at this size cost time and show nothing. */
const sideMax = 1_040;

export function RingPicture({ ring, marked, keyAt, onPoint }: RingPictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useCell(isDark);
  const [side, setSide] = useState(0);
  const [cell, setCell] = useState<number | null>(null);
  const texture = useMemo(() => textureOf(ring), [ring]);
  const annulus = useMemo(
    () => (side === 0 ? null : annulusOf(side, texture.columns)),
    [side, texture.columns],
  );
  useEffect(() => {
    if (canvas.current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      const pixels = (entry?.contentRect.width ?? 0) * devicePixelRatio;
      setSide(Math.min(sideMax, Math.round(pixels)));
    });
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || annulus === null) return;
    const image = context.createImageData(annulus.side, annulus.side);
    const colours = coloursOf(ring.members, marked, dark);
    paint(new Uint32Array(image.data.buffer), annulus, texture, colours);
    context.putImageData(image, 0, 0);
  }, [annulus, texture, marked, dark, ring]);
  function point(event: PointerEvent): void {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [dx, dy] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    const outer = box.width / 2;
    const radius = Math.hypot(dx, dy);
    if (radius > outer || radius < outer * innerRadius) {
      leave();
      return;
    }
    const place = placeAt(dx, dy, outer * innerRadius, outer, texture.columns);
    setCell(cellOfPlace(place, texture.columnsPerCell));
    onPoint(ring.members[texture.members[place] as number]?.seat ?? null);
  }
  function leave(): void {
    setCell(null);
    onPoint(null);
  }
  return (
    <figure class="ring">
      <div class="ring-square" onPointerMove={point} onPointerLeave={leave}>
        <canvas
          ref={canvas}
          width={side}
          height={side}
          role="img"
          aria-label={`The ring: ${count(ring.members.length)} seats; their shares are in the table`}
        />
        {keyAt !== null && <KeyMark at={keyAt} />}
        <Centre ring={ring} marked={marked} cell={cell} />
      </div>
      <figcaption class="note">{legend(ring)}</figcaption>
    </figure>
  );
}

/** What is not brought out fades towards the paper. */
function coloursOf(members: readonly RingMember[], marked: number | null, dark: boolean): Uint32Array {
  const paper = dark ? 0x1c : 0xf3;
  return new Uint32Array(
    members.map(({ seat }) => {
      const colour = bytesOfColour(seatColour(seat));
      if (marked === null || seat === marked) return colour;
      const faded = (shift: number) => (((colour >> shift) & 0xff) * 0.16 + paper * 0.84) | 0;
      return ((0xff << 24) | (faded(16) << 16) | (faded(8) << 8) | faded(0)) >>> 0;
    }),
  );
}

/** A line across the band and a knob outside it. */
function KeyMark({ at }: { at: number }) {
  const angle = at * 2 * Math.PI;
  const on = (radius: number) => [50 + radius * Math.sin(angle), 50 - radius * Math.cos(angle)] as const;
  const [[x1, y1], [x2, y2]] = [on(49.5 * innerRadius - 3), on(49.8)];
  return (
    <svg class="key-mark" viewBox="0 0 100 100" aria-hidden="true">
      <line class="halo" x1={x1} y1={y1} x2={x2} y2={y2} />
      <line x1={x1} y1={y1} x2={x2} y2={y2} />
      <circle cx={x1} cy={y1} r="1.4" />
    </svg>
  );
}

function Centre({ ring, marked, cell }: Pick<RingPictureProps, "ring" | "marked"> & { cell: number | null }) {
  const index = ring.members.findIndex(({ seat }) => seat === marked);
  const member = ring.members[index];
  if (member === undefined) {
    return (
      <div class="ring-centre">
        <strong>{count(ring.members.length)}</strong>
        <span class="soft">on the ring</span>
      </div>
    );
  }
  return (
    <div class="ring-centre">
      <strong class="name-in-ring">{member.replica ?? `seat ${member.seat}`}</strong>
      <span>{percent(member.share)} of the keys</span>
      {cell !== null && <span class="soft">{partOfCell(ring, cell, index)}</span>}
    </div>
  );
}

function partOfCell({ cells, slots, exact }: RingReport, cell: number, index: number): string {
  const pairs = cells[cell] ?? [];
  const at = pairs.findIndex((value, i) => i % 2 === 0 && value === index);
  const total = pairs.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
  const part = percent((at < 0 ? 0 : (pairs[at + 1] as number)) / total);
  if (!exact) return `${part} of this cell`;
  const [from, end] = [cell, cell + 1].map((edge) => Math.floor((edge * slots) / cells.length)) as [
    number,
    number,
  ];
  return end - from === 1 ? `slot ${count(from)}` : `${part} of slots ${count(from)} to ${count(end - 1)}`;
}

function legend({ cells, slots, exact, pointsPerCell, placement }: RingReport): string {
  const clockwise = "clockwise from the top";
  if (!exact) {
    return `${count(cells.length)} cells, ${clockwise}. This placement has no table: ${pointsPerCell} points of each cell were looked up, and bands show who owns them.`;
  }
  if (cells.length === slots) {
    const uneven = " Shares count keys: the course's hash reaches 87 of 512 slots only.";
    return `Each of the ${count(slots)} cells is one slot, ${clockwise}.${placement === "assignment" && slots === 512 ? uneven : ""}`;
  }
  return `${count(slots)} slots in ${count(cells.length)} cells, ${clockwise}. The bands of a cell, from the inside out by seat, are the parts of its slots that each replica owns.`;
}
