// Replicas of the compose file that are killed and stopped from outside while requests run: none of them may fail, the
// replacement must serve within three seconds, and /rep must say what `docker ps` says.
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { type LoadResult, runLoad } from "../../src/load/load.ts";
import { settleLoad } from "../../src/load/load-settings.ts";
import { failedCount, type LoadSample } from "../../src/load/recorder.ts";
import { type ComposeProject, composeProject, type ReplicaContainer } from "./compose-project.ts";
import { agreed, type SeatedReplica, seatsOf } from "./compose-view.ts";
import { builtImage, docker, until, withoutDocker } from "./docker.ts";

/** For a replacement to be healthy, in ms: what the product promises. */
const replacedMsMax = 3_000;
/** Answers before and after what is done to a replica. */
const aroundCount = 150;

describe("replicas under load", { skip: withoutDocker, timeout: 240_000 }, () => {
  let project: ComposeProject;

  before(async () => {
    project = await composeProject(await builtImage());
    await project.make("up");
    await agreed(project, 3);
  });
  after(() => project?.remove());

  /** GETs at a rate, each counted from when it was due: while `run` goes on, and so many answers before and after it. */
  async function underLoad(run: () => Promise<void>): Promise<LoadResult> {
    const { options } = settleLoad({ url: `${project.url}/home`, rate: "300", duration: "60s" });
    const ended = new AbortController();
    let answered = 0;
    const onSample = (sample: LoadSample) => {
      answered += sample.answered;
    };
    const load = runLoad({ ...options, signal: ended.signal, sampleMs: 50, onSample });
    const moreAnswers = async () => {
      const enough = answered + aroundCount;
      await until(`${aroundCount} more answers`, async () => answered >= enough || undefined);
    };
    try {
      await moreAnswers();
      await run();
      await moreAnswers();
    } finally {
      ended.abort();
    }
    return load;
  }

  /** Does something to the replica on seat 2 under load; gives what it took until another one serves there. */
  async function replaced(
    t: TestContext,
    harm: (victim: ReplicaContainer) => Promise<unknown>,
  ): Promise<number> {
    const before = await seatsOf(project);
    const seated = before.find(({ seat }) => seat === 2) as SeatedReplica;
    const victim = (await project.replicas()).find(({ name }) => name === seated.name) as ReplicaContainer;
    let tookMs = Number.NaN;
    const { counts, problems, latencyMs } = await underLoad(async () => {
      const harmedMs = performance.now(); // before the engine has been asked: what is measured is no less than what it took
      await harm(victim);
      const seats = await until("a replacement", async () => {
        const now = await seatsOf(project);
        const held = now.find(({ seat }) => seat === 2);
        return held !== undefined && held.name !== victim.name && held.state === "healthy" ? now : undefined;
      });
      tookMs = performance.now() - harmedMs;
      const others = (list: readonly SeatedReplica[]) => list.filter(({ seat }) => seat !== 2);
      assert.deepEqual(others(seats), others(before), "nobody else moved");
    });
    t.diagnostic(
      `replaced after ${Math.round(tookMs)} ms; ${counts.answered} answers, slowest ${Math.round(latencyMs?.max ?? 0)} ms`,
    );
    assert.ok(counts.answered > 0);
    assert.equal(failedCount(counts), 0, JSON.stringify(problems));
    const names = await agreed(project, 3);
    assert.ok(!names.includes(victim.name));
    return tookMs;
  }

  test("docker kill: replaced within 3 s, and no request fails", async (t) => {
    for (let time = 0; time < 3; time++) {
      const tookMs = await replaced(t, ({ id }) => docker("kill", id));
      assert.ok(tookMs <= replacedMsMax, `${Math.round(tookMs)} ms`);
    }
  });

  test("docker rm --force: the same", async (t) => {
    const tookMs = await replaced(t, ({ id }) => docker("rm", "--force", id));
    assert.ok(tookMs <= replacedMsMax, `${Math.round(tookMs)} ms`);
  });

  test("docker pause: noticed by heartbeats, and replaced", async (t) => {
    await replaced(t, ({ id }) => docker("pause", id));
  });
});
