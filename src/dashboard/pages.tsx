// Long lists a page at a time, so that a thousand rows cost no more than fifty.
import { useState } from "preact/hooks";
import { count } from "./figures.ts";

export const rowsMax = 50;

export interface Pages<Row> {
  /** Those to show. */
  readonly rows: readonly Row[];
  readonly from: number;
  readonly total: number;
  turn(by: number): void;
}

export function usePages<Row>(all: readonly Row[]): Pages<Row> {
  const [wanted, setWanted] = useState(0);
  const last = Math.max(0, Math.ceil(all.length / rowsMax) - 1);
  const page = Math.min(wanted, last);
  return {
    rows: all.slice(page * rowsMax, (page + 1) * rowsMax),
    from: page * rowsMax,
    total: all.length,
    turn: (by) => setWanted(Math.max(0, Math.min(last, page + by))),
  };
}

/** Nothing where one page holds all. */
export function PageButtons<Row>({ of: { rows, from, total, turn } }: { of: Pages<Row> }) {
  if (total <= rowsMax) return null;
  return (
    <div class="pages">
      <button type="button" disabled={from === 0} onClick={() => turn(-1)}>
        Previous
      </button>
      <span>
        {count(from + 1)}–{count(from + rows.length)} of {count(total)}
      </span>
      <button type="button" disabled={from + rows.length >= total} onClick={() => turn(1)}>
        Next
      </button>
    </div>
  );
}
