import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, duration, percent, short } from "./figures.ts";

test("figures are short, and say as much as can be read at a glance", () => {
  assert.deepEqual([0, 0.253, 3.146, 34.06, 123.4, 1_234.5, 56_123, 2_345_678].map(short), [
    "0",
    "0.25",
    "3.15",
    "34.1",
    "123",
    "1,235",
    "56.1 k",
    "2.35 M",
  ]);
  assert.deepEqual([8.5e-7, 0.0099, 0.01].map(short), ["<0.01", "<0.01", "0.01"]);
  assert.deepEqual([0, 1.4e-8, 0.00042, 1 / 3, 1].map(percent), [
    "0 %",
    "<0.01 %",
    "0.042 %",
    "33.3 %",
    "100 %",
  ]);
  assert.deepEqual([0.249, 34, 1_234].map(duration), ["0.25 ms", "34 ms", "1.23 s"]);
  assert.deepEqual([0, 512, 4_300, 91_226_112].map(bytes), ["0 B", "512 B", "4.2 KiB", "87.0 MiB"]);
});
