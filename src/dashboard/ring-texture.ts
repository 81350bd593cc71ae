// From the ring's cells to the colours of pixels, in two tables that are made once each: which member each step of each
// cell belongs to, and which step of which cell each pixel shows. Painting is then one read per pixel, whether there are
// three replicas or a thousand. Pure.
import type { RingReport } from "../balancer/ring-picture.ts";

/** Steps from the inner edge to the outer one. */
const steps = 256;

/** What no member owns. */
export const nobody = 0xffff;

export interface Texture {
  /** Around the ring; each has {@link steps}. */
  readonly columns: number;
  /** Columns of one cell: more than one where it has more members than steps could show. */
  readonly columnsPerCell: number;
  /** Member by column and step, the innermost first. */
  readonly members: Uint16Array;
}

/** Columns that the eye can still tell apart. */
const columnsWanted = 512;

/** A cell's steps are given out by the parts that its members have, in the order of seats. */
export function textureOf({ cells }: Pick<RingReport, "cells">): Texture {
  const most = Math.max(0, ...cells.map((pairs) => pairs.length / 2));
  const columnsPerCell = most <= steps / 4 ? 1 : Math.max(1, Math.floor(columnsWanted / cells.length));
  const members = new Uint16Array(cells.length * columnsPerCell * steps).fill(nobody);
  cells.forEach((pairs, cell) => {
    fill(members, cell * columnsPerCell, columnsPerCell, pairs);
  });
  return { columns: cells.length * columnsPerCell, columnsPerCell, members };
}

/** Places go up step by step, and in each step column by column: a place shows whoever owns its middle. */
function fill(members: Uint16Array, first: number, columns: number, pairs: readonly number[]): void {
  let total = 0;
  for (let i = 1; i < pairs.length; i += 2) total += pairs[i] as number;
  const places = steps * columns;
  let counted = 0;
  let place = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    counted += pairs[i + 1] as number;
    for (; place < places && (place + 0.5) * total < counted * places; place++) {
      const column = first + (place % columns);
      members[column * steps + Math.floor(place / columns)] = pairs[i] as number;
    }
  }
}

/** An annulus in a square of `side` pixels. */
export interface Annulus {
  readonly side: number;
  /** By pixel: its place in the texture, −1 outside. */
  readonly places: Int32Array;
  /** By pixel: how much of it is covered, 0…255. */
  readonly coverage: Uint8ClampedArray;
}

/** Of the outer radius. */
export const innerRadius = 0.56;

/**
 * Clockwise from the top; equal parts of a cell are equal areas, so a step's radius goes with a square root.
 */
export function annulusOf(side: number, columns: number): Annulus {
  const places = new Int32Array(side * side).fill(-1);
  const coverage = new Uint8ClampedArray(side * side);
  const outer = side / 2 - 1;
  const inner = outer * innerRadius;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x + 0.5 - side / 2, y + 0.5 - side / 2];
      const radius = Math.sqrt(dx * dx + dy * dy);
      const covered = Math.min(1, outer - radius + 0.5, radius - inner + 0.5);
      if (covered <= 0) continue;
      const pixel = y * side + x;
      coverage[pixel] = covered * 255;
      places[pixel] = placeAt(dx, dy, inner, outer, columns);
    }
  }
  return { side, places, coverage };
}

/** The place in the texture of a point, by its distance from the centre. */
export function placeAt(dx: number, dy: number, inner: number, outer: number, columns: number): number {
  const turn = (Math.atan2(dx, -dy) / (2 * Math.PI) + 1) % 1;
  const part = (dx * dx + dy * dy - inner * inner) / (outer * outer - inner * inner);
  const step = Math.max(0, Math.min(steps - 1, Math.floor(part * steps)));
  return Math.min(columns - 1, Math.floor(turn * columns)) * steps + step;
}

export function cellOfPlace(place: number, columnsPerCell: number): number {
  return Math.floor(place / steps / columnsPerCell);
}

/** `#rrggbb` as the four bytes that ImageData has, opaque. */
export function bytesOfColour(colour: string): number {
  const value = Number.parseInt(colour.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 0xff, value & 0xff];
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Fills `pixels` (of ImageData, as little-endian words). @param colours by member, from {@link bytesOfColour} */
export function paint(
  pixels: Uint32Array,
  { places, coverage }: Annulus,
  { members }: Texture,
  colours: Uint32Array,
): void {
  for (let pixel = 0; pixel < places.length; pixel++) {
    const place = places[pixel] as number;
    const member = place < 0 ? nobody : (members[place] as number);
    const colour = member === nobody ? 0 : (colours[member] as number);
    // Alpha is the highest byte: an edge pixel is as opaque as it is covered.
    pixels[pixel] = ((colour & 0xffffff) | ((colour === 0 ? 0 : (coverage[pixel] as number)) << 24)) >>> 0;
  }
}
