import assert from "node:assert/strict";
import { test } from "node:test";
import type { Round } from "./closed-loop.ts";
import { printable } from "./report.ts";
import { median, type Results } from "./results.ts";
import { isMet, verdicts } from "./verdicts.ts";

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

test("each target that was measured gets its verdict, the others none", () => {
  const peers = (ours: number, peakBytes = 0) => [
    { name: "nginx", rounds: [round(25, 0)], peakBytes: 0 },
    { name: "haproxy", rounds: [round(20, 0)], peakBytes: 0 },
    { name: "roundhouse", rounds: [round(ours, 0)], peakBytes },
  ];
  const steady = (name: string, p99Ms: number) => ({ name, rounds: [{ p99Ms }] });
  const results = {
    traffic: [
      { name: "get-64", title: "", peers: peers(20) },
      { name: "get-256", title: "", peers: peers(21) },
      { name: "upstreams-300", title: "", peers: peers(22) },
      { name: "get-1024", title: "", peers: peers(22, 151e6) },
    ],
    steady: {
      rates: [
        {
          title: "50 %",
          ratePerS: 1,
          peers: [steady("nginx", 2), steady("haproxy", 3), steady("roundhouse", 2)],
        },
      ],
    },
  } as unknown as Results;
  const judged = verdicts(results).map((verdict) => [
    verdict.measured.toFixed(2),
    verdict.isGoal,
    isMet(verdict),
  ]);
  assert.deepEqual(judged, [
    ["1.00", false, true],
    ["1.00", true, false],
    ["1.05", false, false],
    ["1.05", true, false],
    ["1.00", false, true],
    ["1.10", false, true],
    ["151.00", false, false],
  ]);
  assert.match(printable(results), /### Verdicts/);
  assert.deepEqual(verdicts({ traffic: [] } as unknown as Results), []);
});
