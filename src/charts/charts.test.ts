import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { barChart } from "./bar-chart.ts";
import { createScale, inner, shortNumber } from "./frame.ts";
import { lineChart } from "./line-chart.ts";

const heights = (svg: string): number[] =>
  [...svg.matchAll(/<rect[^>]* y="([\d.]+)"[^>]* height="([\d.]+)" fill="#0072b2"/g)]
    .filter(([, y]) => Number(y) >= inner.top - 1)
    .map(([, , height]) => Number(height));

describe("a bar chart", () => {
  const chart = {
    title: "Requests per server",
    subtitle: "10,000 requests",
    x: { label: "server", names: ["S1", "S2", "<S3>"] },
    y: { label: "requests" },
    series: [{ name: "count", values: [8000, 2000, 4000] }],
  };

  it("has bars as long as their values are large", () => {
    const [first = 0, second = 0, third = 0] = heights(barChart(chart));
    assert.ok(Math.abs(first / second - 4) < 0.02 && Math.abs(third / second - 2) < 0.02);
  });

  it("shows title, units, names and values, escaped", () => {
    const svg = barChart(chart);
    for (const words of [
      "Requests per server",
      "10,000 requests",
      ">server<",
      ">requests<",
      "&#60;S3&#62;",
      "8,000",
    ]) {
      assert.ok(svg.includes(words), words);
    }
    assert.ok(!svg.includes("<S3>"));
  });

  it("draws a line across where it is asked to, within the axis", () => {
    const svg = barChart({ ...chart, reference: { value: 20_000, label: "fair" } });
    const y = Number(/<line x1="72"[^>]* y1="([\d.]+)"[^>]*stroke-dasharray="5 4"/.exec(svg)?.[1]);
    assert.ok(y >= inner.top && y < inner.bottom);
  });

  it("of nothing is still a chart", () => {
    assert.match(barChart({ ...chart, x: { label: "server", names: [] }, series: [] }), /^<svg/);
  });
});

describe("a line chart", () => {
  const points = (...list: (readonly [number, number | null])[]) => list;

  it("goes through its points, and leaves out what is not there", () => {
    const svg = lineChart({
      title: "t",
      x: { label: "x", from: 0, to: 10 },
      y: { label: "y", from: 0, to: 100 },
      series: [{ name: "a", points: points([0, 0], [5, null], [10, 100]) }],
    });
    const dots = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
    assert.deepEqual(dots, [
      [inner.left, inner.bottom],
      [inner.right, inner.top],
    ]);
  });

  it("shows moments and several series with a legend", () => {
    const svg = lineChart({
      title: "t",
      x: { label: "time (s)" },
      y: { label: "latency (ms)", scale: "log" },
      series: [
        { name: "p50", points: points([1, 1], [2, 2]), band: [[1, 0.5, 3] as const, [2, 1, 4] as const] },
        { name: "p99", points: points([1, 10], [2, 1000]), dashed: true },
      ],
      moments: [{ x: 1.5, label: "killed" }],
    });
    for (const words of ["p50", "p99", "killed", "1,000", "time (s)"]) assert.ok(svg.includes(words), words);
  });
});

describe("an axis", () => {
  it("has room for its values", () => {
    const scale = createScale({ label: "" }, [3, 97], [0, 100]);
    assert.deepEqual([scale.at(0), scale.at(100)], [0, 100]);
    assert.ok(createScale({ label: "" }, [5, 5], [0, 100]).at(5) <= 100);
    assert.ok(createScale({ label: "", scale: "log" }, [0, 1, 1000], [0, 100]).ticks.length >= 4);
  });

  it("writes numbers as people do", () => {
    const shown = [1234, 2_500_000, 0.00012, 0.25, 0, 3e9].map(shortNumber);
    assert.deepEqual(shown, ["1,234", "2.5 M", "1.2e-4", "0.25", "0", "3 G"]);
  });
});
