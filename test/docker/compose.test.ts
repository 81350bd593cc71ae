// The compose file from `make up` to `make down`: the contract of the front port, what kills and restarts of the front
// door leave alone, and that nothing is left in the end. After each step `docker ps` and /rep must agree.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Answer, type Call, call } from "../balancer/client.ts";
import { type ComposeProject, composeProject, type ReplicaContainer } from "./compose-project.ts";
import { agreed, seatsOf } from "./compose-view.ts";
import { bodyAt, builtImage, docker, until, withoutDocker } from "./docker.ts";

describe("the compose file", { skip: withoutDocker, timeout: 240_000 }, () => {
  let project: ComposeProject;

  before(async () => {
    project = await composeProject(await builtImage());
  });
  after(() => project?.remove());

  function ask(path: string, options: Call = {}): Promise<Answer> {
    return call(Number(new URL(project.url).port), path, options);
  }

  /** With the token of .env. */
  function askAllowed(method: string, path: string, body?: object): Promise<Answer> {
    const headers = { authorization: `Bearer ${project.token}` };
    return ask(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }

  test("make up: three replicas as containers, of which one answers", async () => {
    await project.make("up");
    assert.deepEqual(await agreed(project, 3), ["S1", "S2", "S3"]);
    const { status, body } = await ask("/home");
    assert.equal(status, 200);
    assert.match(body, /^\{"message":"Hello from Server: S[123]","status":"successful"\}$/);
    assert.match((await bodyAt(`${project.adminUrl}/`)) ?? "", /<!doctype html>/i, "the dashboard");
    const inspected = await docker(
      "inspect",
      "--format",
      "{{.HostConfig.Privileged}}",
      await project.frontDoor(),
    );
    assert.equal(inspected, "false");
  });

  test("only who has the token adds and removes", async () => {
    const body = JSON.stringify({ n: 2, hostnames: ["S4"] });
    const refused = await ask("/add", { method: "POST", body });
    assert.equal(refused.status, 403, refused.body);
    assert.match(refused.body, /bearer token/);
    await agreed(project, 3);

    const added = await askAllowed("POST", "/add", { n: 2, hostnames: ["S4"] });
    assert.equal(added.status, 200, added.body);
    assert.equal(JSON.parse(added.body).message.N, 5);
    assert.ok((await agreed(project, 5)).includes("S4"));

    const removed = await askAllowed("DELETE", "/rm", { n: 1, hostnames: ["S4"] });
    assert.equal(removed.status, 200, removed.body);
    assert.ok(!(await agreed(project, 4)).includes("S4"));
  });

  test("a front door that is killed finds its replicas again, and the queue its messages", async () => {
    const topic = await askAllowed("POST", "/topics/add", { topic: "T1", part: "P1" });
    assert.equal(topic.status, 200, topic.body);
    const producer = JSON.parse(
      (await askAllowed("POST", "/producer/register", { topic: "T1" })).body,
    ).message;
    const consumer = JSON.parse(
      (await askAllowed("POST", "/consumer/register", { topic: "T1" })).body,
    ).message;
    const produced = await askAllowed("POST", "/producer/produce", {
      producer_id: producer,
      message: "kept",
    });
    assert.equal(produced.status, 200, produced.body);

    const [replicas, seats, frontDoor] = [
      await project.replicas(),
      await seatsOf(project),
      await project.frontDoor(),
    ];
    await docker("kill", frontDoor);
    assert.deepEqual(await project.replicas(), replicas, "they live on");
    await docker("start", frontDoor);
    await agreed(project, 4);
    assert.deepEqual(await project.replicas(), replicas, "the very same containers");
    assert.deepEqual(await seatsOf(project), seats);

    const consumed = await until("the queue", async () => {
      const answer = await askAllowed("GET", `/consumer/consume?consumer_id=${consumer}`);
      return answer.status === 200 ? JSON.parse(answer.body) : undefined;
    });
    assert.equal(consumed.message, "kept");
  });

  test("one that crashes is started again by the engine, and finds them too", async () => {
    const [replicas, seats, frontDoor] = [
      await project.replicas(),
      await seatsOf(project),
      await project.frontDoor(),
    ];
    const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", frontDoor);
    const before = await started();
    // Its own process, not the container: "docker kill" the engine takes for a wish.
    const crash =
      "process.kill(Number(fs.readFileSync('/proc/1/task/1/children', 'utf8').split(' ')[0]), 'SIGKILL')";
    await docker("exec", frontDoor, "node", "-e", crash);
    await until("another start", async () => ((await started()) === before ? undefined : true));
    await agreed(project, 4);
    assert.deepEqual(await project.replicas(), replicas);
    assert.deepEqual(await seatsOf(project), seats);
  });

  test("a restart as asked brings new containers of the same names to the same seats", async () => {
    const [replicas, seats] = [await project.replicas(), await seatsOf(project)];
    await project.compose("restart");
    const names = (list: readonly ReplicaContainer[]) => list.map(({ name }) => name);
    assert.deepEqual(await agreed(project, 4), names(replicas));
    assert.deepEqual(await seatsOf(project), seats);
    const old = new Set(replicas.map(({ id }) => id));
    assert.deepEqual(
      (await project.replicas()).filter(({ id }) => old.has(id)),
      [],
    );
  });

  test("down leaves nothing but the volume, and that only when it is asked to", async () => {
    await project.compose("down");
    const left = await project.leftovers();
    assert.equal(left.length, 1, left.join("\n"));
    assert.match(left[0] ?? "", /^volume .*_data$/);
    await project.compose("down", "--volumes");
    assert.deepEqual(await project.leftovers(), []);
  });
});
