// Lines over a numeric axis, with bands (from the least to the most, say) and marks at moments when something happened.
import { area, line } from "d3-shape";
import {
  type Axis,
  colour,
  createScale,
  frame,
  horizontalAxis,
  ink,
  inner,
  type Scale,
  type Titles,
  verticalAxis,
} from "./frame.ts";
import { element, text } from "./svg.ts";

/** x and y; a gap where y is null. */
export type Point = readonly [number, number | null];

export interface LineSeries {
  readonly name: string;
  readonly points: readonly Point[];
  /** x, least and most. */
  readonly band?: readonly (readonly [number, number, number])[];
  readonly dashed?: boolean;
}

export interface LineChart extends Titles {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly LineSeries[];
  /** Moments on the x axis. */
  readonly moments?: readonly { readonly x: number; readonly label: string }[];
}

/** More points than this need no dots. */
const dotsMax = 40;

/** The chart as SVG. */
export function lineChart(chart: LineChart): string {
  const { series, moments = [] } = chart;
  const xs = [...series.flatMap(({ points }) => points.map(([x]) => x)), ...moments.map(({ x }) => x)];
  const ys = series.flatMap(({ points, band = [] }) => [
    ...points.flatMap(([, y]) => (y === null ? [] : [y])),
    ...band.flatMap(([, low, high]) => [low, high]),
  ]);
  const x = createScale(spanning(chart.x, xs), xs, [inner.left, inner.right]);
  const y = createScale(chart.y, ys, [inner.bottom, inner.top]);
  const marks = x.ticks.map((tick) => [x.at(tick), x.format(tick)] as const);
  const drawn = [
    ...series.map((one, index) => drawnBand(one, index, x, y)),
    ...moments.map((moment, index) => drawnMoment(x.at(moment.x), moment.label, index)),
    ...series.map((one, index) => drawnLine(one, index, x, y)),
  ];
  const axes = verticalAxis(chart.y, y) + horizontalAxis(chart.x.label, marks);
  return frame(
    chart,
    axes,
    drawn.join(""),
    series.map(({ name }) => name),
  );
}

/** The horizontal axis begins where the data does, not at 0. */
function spanning(axis: Axis, values: readonly number[]): Axis {
  return axis.from !== undefined || values.length === 0 ? axis : { ...axis, from: Math.min(...values) };
}

function drawnLine({ points, dashed }: LineSeries, index: number, x: Scale, y: Scale): string {
  const path = line<Point>()
    .defined(([, value]) => value !== null)
    .x(([at]) => x.at(at))
    .y(([, value]) => y.at(value ?? 0))(points as Point[]);
  const dots =
    points.length > dotsMax
      ? []
      : points.flatMap(([at, value]) =>
          value === null
            ? []
            : [element("circle", { cx: x.at(at), cy: y.at(value), r: 3, fill: colour(index) })],
        );
  const stroke = {
    stroke: colour(index),
    "stroke-width": 2,
    "stroke-dasharray": dashed === true ? "6 4" : undefined,
  };
  return (
    element("path", { d: path ?? "", fill: "none", "stroke-linejoin": "round", ...stroke }) + dots.join("")
  );
}

function drawnBand({ band }: LineSeries, index: number, x: Scale, y: Scale): string {
  if (band === undefined) return "";
  const path = area<readonly [number, number, number]>()
    .x(([at]) => x.at(at))
    .y0(([, low]) => y.at(low))
    .y1(([, , high]) => y.at(high))(band as [number, number, number][]);
  return element("path", { d: path ?? "", fill: colour(index), "fill-opacity": "0.18" });
}

function drawnMoment(x: number, label: string, index: number): string {
  const y = inner.top + 12 + (index % 4) * 14; // neighbours' words do not lie on each other
  const end = x > (inner.left + inner.right) / 2;
  return (
    element("line", {
      x1: x,
      x2: x,
      y1: inner.top,
      y2: inner.bottom,
      stroke: ink,
      "stroke-dasharray": "2 3",
    }) +
    text(label, {
      x: x + (end ? -5 : 5),
      y,
      "font-size": 11,
      "text-anchor": end ? "end" : "start",
      fill: ink,
    })
  );
}
