// Bars: one group for each category, one bar for each series, with its value above it where there is room.
import {
  type Axis,
  colour,
  createScale,
  frame,
  horizontalAxis,
  ink,
  inner,
  type Scale,
  shortNumber,
  type Titles,
  verticalAxis,
} from "./frame.ts";
import { element, text } from "./svg.ts";

export interface BarSeries {
  readonly name: string;
  /** One for each category; null: no bar. */
  readonly values: readonly (number | null)[];
  /** Ends of a whisker on each bar, such as the range over several runs. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

export interface BarChart extends Titles {
  readonly x: { readonly label: string; readonly names: readonly string[] };
  readonly y: Axis;
  readonly series: readonly BarSeries[];
  /** A line across, such as the fair share. */
  readonly reference?: { readonly value: number; readonly label: string };
}

/** The chart as SVG. */
export function barChart(chart: BarChart): string {
  const { x, y, series, reference } = chart;
  const values = series.flatMap(({ values: own, high = [] }) => [
    ...own.filter((value) => value !== null),
    ...high,
  ]);
  const scale = createScale(y, reference === undefined ? values : [...values, reference.value], [
    inner.bottom,
    inner.top,
  ]);
  const band = (inner.right - inner.left) / Math.max(1, x.names.length);
  const centre = (category: number) => inner.left + band * (category + 0.5);
  const every = Math.ceil((Math.max(...x.names.map((name) => name.length), 1) * 7.5) / band);
  const marks = x.names.map(
    (name, category) => [centre(category), category % every === 0 ? name : ""] as const,
  );
  const bars = series
    .map((one, index) => seriesBars(one, index, series.length, band, centre, scale))
    .join("");
  const line = reference === undefined ? "" : referenceLine(scale.at(reference.value), reference.label);
  const names = series.map(({ name }) => name);
  return frame(chart, verticalAxis(y, scale) + horizontalAxis(x.label, marks), bars + line, names);
}

function seriesBars(
  { values, low, high }: BarSeries,
  index: number,
  seriesCount: number,
  band: number,
  centre: (category: number) => number,
  scale: Scale,
): string {
  const width = Math.min(64, (band * 0.8) / seriesCount);
  return values
    .map((value, category) => {
      if (value === null) return "";
      const x = centre(category) + (index - (seriesCount - 1) / 2) * width;
      const y = scale.at(value);
      const bar = element("rect", {
        x: x - width / 2 + 1,
        y,
        width: Math.max(1, width - 2),
        height: Math.max(0, inner.bottom - y),
        fill: colour(index),
      });
      return bar + whisker(x, low?.[category], high?.[category], scale) + valueAbove(x, y, width, value);
    })
    .join("");
}

function valueAbove(x: number, y: number, width: number, value: number): string {
  const words = shortNumber(value);
  if (words.length * 6.5 > width + 8) return "";
  return text(words, { x, y: y - 4, "font-size": 11, "text-anchor": "middle", fill: ink });
}

function whisker(x: number, low: number | undefined, high: number | undefined, scale: Scale): string {
  if (low === undefined || high === undefined) return "";
  const [y1, y2] = [scale.at(low), scale.at(high)];
  const cap = (y: number) => element("line", { x1: x - 4, x2: x + 4, y1: y, y2: y, stroke: ink });
  return element("line", { x1: x, x2: x, y1, y2, stroke: ink }) + cap(y1) + cap(y2);
}

/** Its words stand above the bars, where no value is. */
function referenceLine(y: number, label: string): string {
  const dashes = { stroke: ink, "stroke-dasharray": "5 4" };
  const words = inner.right - label.length * 6.8;
  return (
    element("line", { x1: inner.left, x2: inner.right, y1: y, y2: y, ...dashes }) +
    element("line", { x1: words - 34, x2: words - 8, y1: 42, y2: 42, ...dashes }) +
    text(label, { x: inner.right, y: 46, "font-size": 12, "text-anchor": "end", fill: ink })
  );
}
