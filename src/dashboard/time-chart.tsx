// A chart over time: lines, or streams stacked on each other. Charts that are shown together share the cursor, and what
// it points at is told in figures below each. Drawn by uPlot on a canvas: a quarter of an hour of a dozen lines costs a
// few milliseconds.
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { createCell, useCell } from "./cell.ts";
import { isDark } from "./theme.tsx";

export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

/** Something that happened, as a line from top to bottom. */
export interface Mark {
  readonly atMs: number;
  readonly colour: string;
}

export interface TimeChartProps {
  readonly title: string;
  /** In which unit, or a word on what is shown. */
  readonly note: string;
  readonly atMs: readonly number[];
  /** How much of it is shown, up to the last step. */
  readonly spanMs: number;
  readonly lines: readonly Line[];
  readonly stacked?: boolean;
  readonly marks?: readonly Mark[];
  /** In px. */
  readonly height: number;
  readonly format: (value: number) => string;
  /** The axis reaches at least this high, so that nothing looks like much. */
  readonly atLeast: number;
}

/** The step under the cursor, in whichever chart; null: none. */
const pointed = createCell<number | null>(null);

export function TimeChart(props: TimeChartProps) {
  const { title, note, height } = props;
  const id = useId();
  const holder = usePlot(props);
  return (
    <figure class="chart">
      <figcaption>
        <h3 id={id}>{title}</h3>
        <span class="note">{note}</span>
      </figcaption>
      <div
        ref={holder}
        role="img"
        aria-labelledby={id}
        aria-describedby={`${id}-values`}
        style={{ height }}
      />
      <Legend id={`${id}-values`} {...props} />
    </figure>
  );
}

function Legend({ id, atMs, lines, format }: TimeChartProps & { readonly id: string }) {
  const at = useCell(pointed);
  const index = at !== null && at < atMs.length ? at : atMs.length - 1;
  return (
    <ul class="legend" id={id}>
      {lines.map(({ label, colour, values }) => (
        <li key={label}>
          <span class="swatch" style={{ background: colour }} />
          {label}
          <b>{values[index] == null ? "–" : format(values[index] as number)}</b>
        </li>
      ))}
    </ul>
  );
}

/** Keeps one plot in the element: made anew when its lines or the theme change, else only given new data. */
function usePlot(props: TimeChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = useCell(isDark);
  const look = props.lines.map(({ label, colour }) => `${label} ${colour}`).join();
  const data = useMemo(() => dataOf(props), [props.atMs, props.lines]);
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(latest, element), dataOf(latest.current), element);
    plot.current = made;
    const sized = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: latest.current.height }),
    );
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look, dark]);
  useEffect(() => plot.current?.setData(data), [data, props.spanMs, props.marks]);
  return holder;
}

/** Times in seconds, then the lines; stacked ones as sums from the bottom up. */
function dataOf({ atMs, lines, stacked = false }: TimeChartProps): uPlot.AlignedData {
  const below = new Array<number>(atMs.length).fill(0);
  const rows = lines.map(({ values }) =>
    stacked
      ? below.map((sum, at) => {
          below[at] = sum + (values[at] ?? 0);
          return below[at];
        })
      : [...values],
  );
  return [atMs.map((ms) => ms / 1000), ...rows] as uPlot.AlignedData;
}

type Latest = { readonly current: TimeChartProps };

function optionsOf(latest: Latest, element: HTMLElement): uPlot.Options {
  const { lines, height, stacked = false } = latest.current;
  const style = getComputedStyle(document.documentElement);
  const [ink, hairline] = [style.getPropertyValue("--ink-soft"), style.getPropertyValue("--line")];
  const font = `12px ${style.fontFamily}`;
  return {
    width: element.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "traffic" }, points: { show: !stacked } },
    scales: {
      x: { time: true, range: () => shownS(latest.current) },
      y: { range: (_plot, _min, max) => [0, 1.06 * Math.max(max ?? 0, latest.current.atLeast)] },
    },
    axes: [
      {
        stroke: ink,
        font,
        size: 28,
        gap: 6,
        space: 90,
        grid: { show: false },
        ticks: { show: false },
        values: clockTimes,
      },
      {
        stroke: ink,
        font,
        size: 56,
        gap: 8,
        space: 36,
        grid: { stroke: hairline, width: 1 },
        ticks: { show: false },
        values: (_plot, splits) => splits.map((value) => latest.current.format(value)),
      },
    ],
    series: [{}, ...lines.map((line) => seriesOf(line, stacked))],
    ...(stacked ? { bands: lines.slice(1).map((line, below) => bandOf(line, below)) } : {}),
    hooks: {
      setCursor: [({ cursor }) => pointed.set(cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, latest.current)],
    },
  };
}

/** A stream is filled down to the one below it; the first one down to zero. */
function seriesOf({ label, colour }: Line, stacked: boolean): uPlot.Series {
  return {
    label,
    stroke: colour,
    width: stacked ? 1 : 1.75,
    points: { show: false },
    ...(stacked ? { fill: `${colour}b8` } : {}),
  };
}

const bandOf = ({ colour }: Line, below: number): uPlot.Band => ({
  series: [below + 2, below + 1],
  fill: `${colour}b8`,
});

function shownS({ atMs, spanMs }: TimeChartProps): [number, number] {
  const last = atMs.at(-1) ?? Date.now();
  return [(last - spanMs) / 1000, last / 1000];
}

function drawMarks({ ctx, bbox, valToPos }: uPlot, { marks = [], atMs, spanMs }: TimeChartProps): void {
  const from = (atMs.at(-1) ?? 0) - spanMs;
  ctx.save();
  ctx.setLineDash([4, 4]);
  for (const { colour, atMs: when } of marks) {
    if (when < from) continue;
    const x = Math.round(valToPos(when / 1000, "x", true));
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

const two = (value: number) => String(value).padStart(2, "0");

function clockTimes(_plot: uPlot, splits: number[]): string[] {
  const seconds = splits.some((split) => split % 60 !== 0);
  return splits.map((split) => {
    const time = new Date(split * 1000);
    return `${two(time.getHours())}:${two(time.getMinutes())}${seconds ? `:${two(time.getSeconds())}` : ""}`;
  });
}
