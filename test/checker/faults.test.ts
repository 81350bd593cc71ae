// A short run under faults with real processes; `npm run test:faults` is the long one.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { runFaults } from "./fault-run.ts";

it("loses, doubles and reorders nothing while brokers and the front door are killed and stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-faults-"));
  const report = await runFaults({ seed: 5, faults: 8, folder });
  assert.deepEqual(report.findings.slice(0, 10), []);
  assert.equal(report.exitCode, 0);
  assert.ok(
    report.acknowledged > 500 && report.messagesRead > 3 * report.acknowledged,
    JSON.stringify(report),
  );
  assert.ok(report.faults.size >= 3, [...report.faults].join(", "));
  rmSync(folder, { recursive: true, force: true });
});
