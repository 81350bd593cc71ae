// What every chart has: a title that says what is shown, a line below it that says how it was measured, axes with units,
// a legend, and room for the data between them. Colours are those of Okabe and Ito ("Color Universal Design", 2008),
// told apart by colour-blind eyes too.
import { scaleLinear, scaleLog } from "d3-scale";
import { element, text } from "./svg.ts";

export const palette = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#d55e00",
  "#cc79a7",
  "#56b4e9",
  "#7a6c00",
  "#555555",
];

export interface Axis {
  /** What is shown, with its unit: `latency (ms)`. */
  readonly label: string;
  /** Default `linear`. */
  readonly scale?: "linear" | "log";
  /** Ends of the axis; default: what the data needs, and from 0 when linear. */
  readonly from?: number;
  readonly to?: number;
}

export interface Titles {
  readonly title: string;
  /** How it was measured. */
  readonly subtitle?: string;
}

/** In pixels. */
export const size = { width: 760, height: 420, left: 72, right: 20, top: 78, bottom: 56 } as const;
export const inner = {
  left: size.left,
  right: size.width - size.right,
  top: size.top,
  bottom: size.height - size.bottom,
} as const;

export const ink = "#222222";
const faint = "#666666";
const grid = "#dddddd";
/** The widest font that is likely: a chart has its letters' room, whatever the machine has. */
export const fontFamily = "DejaVu Sans, Verdana, sans-serif";

/** From a value to its pixel, and the values to mark. */
export interface Scale {
  at(value: number): number;
  readonly ticks: readonly number[];
  format(value: number): string;
}

/** An axis over these values, along these pixels. */
export function createScale(axis: Axis, values: readonly number[], pixels: readonly [number, number]): Scale {
  const usable = values.filter((value) => Number.isFinite(value) && (axis.scale !== "log" || value > 0));
  const low = axis.from ?? (axis.scale === "log" ? Math.min(...usable, 1e300) : Math.min(0, ...usable));
  const high = axis.to ?? Math.max(...usable, -1e300);
  const domain =
    usable.length === 0 ? [axis.scale === "log" ? 1 : 0, 10] : [low, high === low ? low + 1 : high];
  const scale = axis.scale === "log" ? scaleLog(domain, pixels).nice() : scaleLinear(domain, pixels).nice();
  const ticks = axis.scale === "log" ? thinned(scale.ticks(6)) : scale.ticks(6);
  return { at: (value) => scale(value), ticks, format: shortNumber };
}

/** A logarithmic axis keeps its powers of ten when there are many marks. */
function thinned(ticks: readonly number[]): readonly number[] {
  if (ticks.length <= 10) return ticks;
  return ticks.filter((tick) => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9);
}

/** 1234 → `1,234`; 2500000 → `2.5 M`; 0.00012 → `1.2e-4`. */
export function shortNumber(value: number): string {
  const size_ = Math.abs(value);
  if (size_ >= 1e9) return `${trimmed(value / 1e9)} G`;
  if (size_ >= 1e6) return `${trimmed(value / 1e6)} M`;
  if (size_ > 0 && size_ < 0.001) return value.toExponential(1).replace(".0e", "e");
  return value.toLocaleString("en", { maximumSignificantDigits: size_ < 1000 ? 4 : 7 });
}

const trimmed = (value: number): string => value.toLocaleString("en", { maximumSignificantDigits: 3 });

/** The whole chart: `marks` between its axes. `names`: what the colours stand for; one alone needs no legend. */
export function frame(titles: Titles, axes: string, marks: string, names: readonly string[]): string {
  const { width, height } = size;
  const head = [
    text(titles.title, { x: 16, y: 26, "font-size": 17, "font-weight": "bold", fill: ink }),
    titles.subtitle === undefined
      ? ""
      : text(titles.subtitle, { x: 16, y: 46, "font-size": 12, fill: faint }),
    names.length > 1 ? legend(names) : "",
  ].join("");
  const ground = element("rect", { width, height, fill: "#ffffff" });
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "font-family": fontFamily,
    },
    `<title>${text(titles.title, {}).replace(/<\/?text>/g, "")}</title>${ground}${head}${axes}${marks}`,
  );
}

function legend(names: readonly string[]): string {
  let x = 16;
  return names
    .map((name, index) => {
      const item =
        element("rect", { x, y: 57, width: 10, height: 10, fill: colour(index) }) +
        text(name, { x: x + 14, y: 66, "font-size": 12, fill: ink });
      x += 14 + name.length * 7.4 + 18;
      return item;
    })
    .join("");
}

export function colour(index: number): string {
  return palette[index % palette.length] as string;
}

/** The vertical axis with its grid, and the words beside it. */
export function verticalAxis(axis: Axis, scale: Scale): string {
  const lines = scale.ticks.map((tick) => {
    const y = scale.at(tick);
    return (
      element("line", { x1: inner.left, x2: inner.right, y1: y, y2: y, stroke: grid }) +
      text(scale.format(tick), {
        x: inner.left - 8,
        y: y + 4,
        "font-size": 12,
        "text-anchor": "end",
        fill: faint,
      })
    );
  });
  const middle = (inner.top + inner.bottom) / 2;
  const turned = `rotate(-90 18 ${middle})`;
  return (
    lines.join("") +
    text(axis.label, {
      x: 18,
      y: middle,
      "font-size": 12,
      "text-anchor": "middle",
      transform: turned,
      fill: ink,
    })
  );
}

/** The words below the horizontal axis: one at each of these pixels. */
export function horizontalAxis(label: string, marks: readonly (readonly [number, string])[]): string {
  const words = marks.map(([x, mark]) =>
    text(mark, { x, y: inner.bottom + 18, "font-size": 12, "text-anchor": "middle", fill: faint }),
  );
  const middle = (inner.left + inner.right) / 2;
  return (
    element("line", { x1: inner.left, x2: inner.right, y1: inner.bottom, y2: inner.bottom, stroke: ink }) +
    words.join("") +
    text(label, { x: middle, y: size.height - 14, "font-size": 12, "text-anchor": "middle", fill: ink })
  );
}
