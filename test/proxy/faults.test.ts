// Requests under random upstream faults, each with a nonce that its answer must carry: no answer ever reaches another
// request, no POST runs twice, and an idempotent request succeeds while another replica lives.
//   ROUNDHOUSE_FAULT_REQUESTS=1000000 ROUNDHOUSE_FAULT_SEED=3 node test/run.mjs test/proxy/faults.test.ts
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PooledUpstream } from "../../src/proxy/upstream.ts";
import { startStand } from "../http/stand.ts";
import { runClient } from "./fault-client.ts";
import { type FaultLog, startFaultOrigin } from "./fault-origin.ts";

const requests = Number(process.env.ROUNDHOUSE_FAULT_REQUESTS ?? 10_000);
const seed = Number(process.env.ROUNDHOUSE_FAULT_SEED ?? 1);
const clients = 48;

/** As if the replica had restarted now and then: it is trusted again, and known to be quick on any machine. */
function renew({ batching }: PooledUpstream, turn: number): void {
  if (turn % 60 < 3) batching.trusted = true;
  for (let answers = 0; answers < 300; answers++) batching.count(0.1);
}

/** Late answers and 503 are asked for elsewhere, whatever is under way. */
const eager = { attempts: 2, perTryTimeoutMs: 1_500, budgetPercent: 100, minRetries: clients };

async function faultRun(batching: boolean, retrying: boolean, report: (line: string) => void): Promise<void> {
  const log: FaultLog = {
    options: { seed, batching },
    attempts: new Map(),
    garbage: 0,
    shared: 0,
    faults: [],
  };
  const origins = await Promise.all([startFaultOrigin(log), startFaultOrigin(log), startFaultOrigin(log)]);
  let turn = 0;
  const stand = await startStand({
    origins,
    upstreamBatching: batching,
    retries: retrying ? eager : {},
    limits: { responseDeadlineMs: 4_000 },
    pick: (_, left) => {
      const upstream = left[turn++ % left.length] ?? null;
      if (batching && upstream instanceof PooledUpstream) renew(upstream, turn);
      return upstream;
    },
  });
  const objections: string[] = [];
  const unlucky: string[] = [];
  const outcomes = new Map<string, number>();
  const attemptsOf = (nonce: string): number => {
    const count = log.attempts.get(nonce) ?? 0;
    log.attempts.delete(nonce);
    return count;
  };
  const started = performance.now();
  const share = Math.ceil(requests / clients);
  const tally = { objections, unlucky, outcomes, attemptsOf };
  try {
    await Promise.all(
      Array.from({ length: clients }, (_, i) =>
        runClient(stand.port, log.options, 1 + i * share, share, tally),
      ),
    );
  } catch (error) {
    await stand.close();
    throw error;
  }
  report(
    `${share * clients} requests, seed ${seed}, ${Math.round(performance.now() - started)} ms, ${log.shared} behind another: ${JSON.stringify(Object.fromEntries([...outcomes].sort()))}`,
  );
  const { made, overBudget } = stand.proxy.stats.retries;
  const inFlight = stand.upstreams.reduce((sum, upstream) => sum + upstream.inFlight, 0);
  await stand.close();
  assert.deepEqual(log.faults, [], "what reached an origin");
  assert.deepEqual(objections.slice(0, 20), [], `${objections.length} outcomes that are not allowed`);
  assert.ok(
    unlucky.length <= log.garbage,
    `${unlucky.length} idempotent requests failed: ${unlucky.slice(0, 20)}`,
  );
  if (batching) assert.ok(log.shared > requests / 50, `${log.shared} requests were sent behind another`);
  else assert.equal(log.shared, 0, "requests sent behind another");
  if (retrying) assert.ok(made > 0, `${made} retries, ${overBudget} over the budget`);
  assert.equal(inFlight, 0, "exchanges still counted as in flight");
}

describe("faults", { concurrency: false }, () => {
  it("never mix up answers, one exchange at a time", (test) =>
    faultRun(false, false, (line) => test.diagnostic(line)));
  it("never mix up answers, with upstream batching", (test) =>
    faultRun(true, false, (line) => test.diagnostic(line)));
  it("never mix up answers, with a retry policy", (test) =>
    faultRun(false, true, (line) => test.diagnostic(line)));
  it("never mix up answers, with both", (test) => faultRun(true, true, (line) => test.diagnostic(line)));
});
