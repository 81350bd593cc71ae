import assert from "node:assert/strict";
import { test } from "node:test";
import type { Round } from "./closed-loop.ts";
import { median, printable, type Results } from "./report.ts";

test("median of odd and even counts", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

function round(cpuUsPerRequest: number, failures: number): Round {
  const half = cpuUsPerRequest / 2;
  return {
    ...{
      requests: 1000,
      requestsPerS: 1000,
      cpuUsPerRequest,
      userUsPerRequest: half,
      systemUsPerRequest: half,
    },
    ...{ coreShare: 1, failures },
  };
}

test("ratios are to the cheaper of nginx and HAProxy, over rounds without failures", () => {
  const peers = [
    { name: "nginx", rounds: [round(25, 0), round(25, 0)], peakBytes: 0 },
    { name: "haproxy", rounds: [round(20, 0), round(1, 3)], peakBytes: 0 },
    { name: "roundhouse", rounds: [round(16, 0), round(16, 0)], peakBytes: 0 },
  ];
  const results = { traffic: [{ name: "get-64", title: "small GETs", peers }] } as unknown as Results;
  const cells = printable(results)
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const ratioOf = (name: string) => cells.find((row) => row[1] === name)?.[6];
  assert.equal(ratioOf("nginx"), "1.25");
  assert.equal(ratioOf("haproxy"), "1.00");
  assert.equal(ratioOf("roundhouse"), "0.80");
  assert.equal(cells.find((row) => row[1] === "haproxy")?.[9], "1", "its failed round is counted");
});
