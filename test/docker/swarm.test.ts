// Replicas as real services of a real swarm, of one node, behind a front door in a container of the overlay network: what
// "docker service ls" shows from outside is what /rep says. An engine that is in no swarm is in one for this file alone.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { bodyAt, builtImage, docker, freePorts, logsOf, until, withoutDocker } from "./docker.ts";

describe("a fleet of a swarm's services", { skip: withoutDocker, timeout: 280_000 }, () => {
  const fleet = `swarm-${randomBytes(3).toString("hex")}`;
  const ofReplicas = [
    "--filter",
    `label=roundhouse.fleet=${fleet}`,
    "--filter",
    "label=roundhouse.role=replica",
  ];
  let image = "";
  let url = "";
  let madeSwarm = false;

  before(async () => {
    image = await builtImage();
    if ((await docker("info", "--format", "{{.Swarm.LocalNodeState}}")) === "inactive") {
      await docker("swarm", "init", "--advertise-addr", "127.0.0.1");
      madeSwarm = true;
    }
    await docker("network", "create", "--driver", "overlay", "--attachable", fleet);
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const socket = "/var/run/docker.sock";
    const may = ["--volume", `${socket}:${socket}`, "--group-add", String(statSync(socket).gid)];
    const reached = ["--name", fleet, "--network", fleet, "--publish", `127.0.0.1:${port}:5000`];
    const flags = ["--image", image, "--network", fleet, "--fleet", fleet, "--container-prefix", `${fleet}-`];
    const up = [image, "up", "--host", "0.0.0.0", "--launcher", "swarm", ...flags];
    await docker("run", "--detach", ...reached, ...may, ...up);
  });
  after(async () => {
    await docker("rm", "--force", fleet).catch(() => {});
    const left = await docker("service", "ls", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`);
    if (left !== "") await docker("service", "rm", ...left.split("\n"));
    // It is in use until the last task has ended.
    await until("the network is gone", async () =>
      docker("network", "rm", fleet).then(
        () => true,
        () => undefined,
      ),
    );
    if (madeSwarm) await docker("swarm", "leave", "--force");
  });

  /** The command line, in the front door's own container. */
  const roundhouse = (...args: readonly string[]) => docker("exec", fleet, "roundhouse", ...args);

  interface Seen {
    readonly id: string;
    readonly name: string;
  }

  /** From outside: services whose one task runs. */
  async function listed(): Promise<Seen[]> {
    const text = await docker("service", "ls", ...ofReplicas, "--format", "{{.ID}} {{.Name}} {{.Replicas}}");
    return text
      .split("\n")
      .map((line) => line.split(" ") as [string, string, string])
      .filter(([, , tasks]) => tasks === "1/1")
      .map(([id, name]) => ({ id, name: name.slice(fleet.length + 1) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Until /rep has so many and "docker service ls" shows exactly those. */
  async function agree(count: number): Promise<Seen[]> {
    let last = "";
    return until(`${count} replicas, in /rep and in docker service ls`, async () => {
      const [body, seen] = [await bodyAt(`${url}/rep`), await listed()];
      const rep = [...((JSON.parse(body ?? "{}").message?.replicas ?? []) as string[])].sort();
      last = `/rep: ${rep}; docker service ls: ${seen.map(({ name }) => name)}`;
      return rep.length === count && `${rep}` === `${seen.map(({ name }) => name)}` ? seen : undefined;
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}; ${last}; ${(await logsOf(fleet)).slice(-3_000)}`);
    });
  }

  const named = (seen: readonly Seen[], name: string) =>
    seen.find((each) => each.name === name)?.id ?? assert.fail(`no service of ${name}`);

  /** The container of the service's task. */
  async function containerOf(service: string): Promise<string> {
    const id = await docker("ps", "--quiet", "--filter", `label=com.docker.swarm.service.id=${service}`);
    assert.match(id, /^[0-9a-f]{12}$/);
    return id;
  }

  async function serviceId(seen: readonly Seen[], name: string): Promise<string> {
    return docker("service", "inspect", "--format", "{{.ID}}", named(seen, name));
  }

  test("they serve, each by one task that is never restarted, limited, and reached directly", async () => {
    const seen = await agree(3);
    assert.deepEqual(
      seen.map(({ name }) => name),
      ["S1", "S2", "S3"],
    );
    assert.match((await bodyAt(`${url}/home`)) ?? "", /Hello from Server: S[123]/);
    const [{ Spec, Endpoint }] = JSON.parse(await docker("service", "inspect", named(seen, "S1")));
    assert.equal(Spec.TaskTemplate.RestartPolicy.Condition, "none");
    assert.equal(Spec.TaskTemplate.Resources.Limits.Pids, 4_096);
    assert.equal(Spec.EndpointSpec.Mode, "dnsrr");
    assert.equal(Endpoint.VirtualIPs, undefined);
    const [{ Config, HostConfig }] = JSON.parse(
      await docker("inspect", await containerOf(await serviceId(seen, "S1"))),
    );
    assert.ok(Config.Env.includes("SERVER_ID=S1"));
    assert.deepEqual([HostConfig.CapDrop, HostConfig.ReadonlyRootfs], [["ALL"], true]);
    await until("what a task prints is in our log", async () => {
      return /S1.*listens on/.test(await logsOf(fleet)) || undefined;
    });
  });

  test("a task's container that is killed: another service on its seat, and the old one is gone", async (t) => {
    const before = await agree(3);
    const killedMs = performance.now();
    await docker("kill", await containerOf(await serviceId(before, "S2")));
    const now = await until("S2 is replaced", async () => {
      const seen = await agree(3);
      return seen.some(({ name }) => name === "S2") ? undefined : seen;
    });
    t.diagnostic(`replaced after ${Math.round(performance.now() - killedMs)} ms`);
    assert.equal(now.filter(({ id }) => before.some((each) => each.id === id)).length, 2);
    // Whichever is first on a busy machine: the swarm's word, which takes it a second or two, or our heartbeats.
    assert.match(await logsOf(fleet), /in place of S2, which (was ended by SIGKILL|missed \d+ heartbeats)/);
  });

  test("docker service ls agrees with /rep after add and rm", async () => {
    await roundhouse("add", "A");
    assert.ok((await agree(4)).some(({ name }) => name === "A"));
    await roundhouse("rm", "S3");
    assert.ok(!(await agree(3)).some(({ name }) => name === "S3"));
  });

  test("the front door killed and started again: the same services, none doubled, none orphaned", async () => {
    const before = await agree(3);
    await docker("kill", fleet);
    await docker("kill", await containerOf(await serviceId(before, "A")));
    await docker("start", fleet);
    const now = await until("A is made anew", async () => {
      const seen = await agree(3);
      return named(seen, "A") === named(before, "A") ? undefined : seen;
    });
    for (const { id, name } of before) if (name !== "A") assert.equal(named(now, name), id);
    assert.equal((await docker("service", "ls", "--quiet", ...ofReplicas)).split("\n").length, 3);
  });

  test("a roll-out changes every service, and docker service ls agrees with /rep", async () => {
    const before = await agree(3);
    await roundhouse("rollout", "--settle-ms", "100");
    const now = await agree(3);
    for (const { id } of before) assert.ok(!now.some((each) => each.id === id));
  });

  test("its node is drained: the replicas go, in words, and come back with it", async (t) => {
    if (!madeSwarm) return t.skip("skipped: needs a swarm that is nobody else's");
    const before = await agree(3);
    const node = await docker("info", "--format", "{{.Swarm.NodeID}}");
    await docker("node", "update", "--availability", "drain", node);
    await until("it is told", async () => {
      return /has to go: its node \S+ was drained/.test(await logsOf(fleet)) || undefined;
    });
    await docker("node", "update", "--availability", "active", node);
    const now = await agree(3);
    for (const { id } of before) assert.ok(!now.some((each) => each.id === id));
  });

  test("stopped as asked: no service is left", async () => {
    await docker("stop", "--time", "30", fleet);
    assert.equal(await docker("service", "ls", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`), "");
  });
});
