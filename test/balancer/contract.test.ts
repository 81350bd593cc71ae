// Every row of the contract's table for the front door, through real sockets, before real replicas.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { type Answer, call, serverIn, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

let door: TestDoor;

before(async () => {
  door = await openDoor();
  await door.settled;
});
after(() => door.close(0));

const failure = (words: string) => JSON.stringify({ message: `<Error> ${words}`, status: "failure" });

function members(names: readonly string[]): string {
  return JSON.stringify({ message: { N: names.length, replicas: names }, status: "successful" });
}

async function names(): Promise<string[]> {
  const { body } = await call(door.port, "/rep");
  return (JSON.parse(body) as { message: { replicas: string[] } }).message.replicas;
}

function add(body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return call(door.port, "/add", { method: "POST", body, headers });
}

function rm(body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return call(door.port, "/rm", { method: "DELETE", body, headers });
}

/** Removes what a test added. */
async function backToThree(): Promise<void> {
  const extra = (await names()).filter((name) => !["S1", "S2", "S3"].includes(name));
  if (extra.length > 0) await rm(JSON.stringify({ n: extra.length, hostnames: extra }));
  assert.deepEqual(await names(), ["S1", "S2", "S3"]);
}

function assertJson(answer: Answer, status: number, body: string): void {
  assert.deepEqual([answer.status, answer.body], [status, body]);
  assert.equal(answer.headers["content-type"], "application/json");
}

test("GET /rep: the replicas in the order in which they joined", async () => {
  assertJson(await call(door.port, "/rep"), 200, members(["S1", "S2", "S3"]));
  assertJson(await call(door.port, "/rep?verbose=1"), 200, members(["S1", "S2", "S3"]));
});

test("HEAD /rep: as GET, without a body", async () => {
  const get = await call(door.port, "/rep");
  const head = await call(door.port, "/rep", { method: "HEAD" });
  assert.deepEqual([head.status, head.body], [200, ""]);
  assert.equal(head.headers["content-length"], get.headers["content-length"]);
  assert.equal(head.headers["content-type"], get.headers["content-type"]);
});

test("POST /add: the given names in the given order, serving when the answer comes; DELETE /rm: gone at once", async () => {
  const given = ["S5", "S4", "S10", "S11"];
  const added = await add(JSON.stringify({ n: 4, hostnames: given }));
  assertJson(added, 200, members(["S1", "S2", "S3", ...given]));
  assertJson(await call(door.port, "/rep"), 200, added.body);
  const seen = new Set<string>();
  for (let request = 0; request < 200; request += 1) seen.add(serverIn(await call(door.port, "/home")));
  for (const name of given) assert.ok(seen.has(name), `${name} answered none of 200 requests`);

  const removed = await rm(JSON.stringify({ n: 4, hostnames: given }));
  assertJson(removed, 200, members(["S1", "S2", "S3"]));
  for (let request = 0; request < 100; request += 1) {
    assert.ok(!given.includes(serverIn(await call(door.port, "/home"))));
  }
});

test("fewer names than n: the rest get random names, or are picked at random among the others", async () => {
  const { status, body } = await add('{"n":3,"hostnames":["named"]}');
  assert.equal(status, 200);
  const now = (JSON.parse(body) as { message: { N: number; replicas: string[] } }).message;
  assert.equal(now.N, 6);
  assert.equal(now.replicas[3], "named");
  assert.equal(new Set(now.replicas).size, 6);
  for (const name of now.replicas) assert.match(name, /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/);

  const removed = await rm('{"n":2,"hostnames":["named"]}');
  assert.equal(removed.status, 200);
  const left = await names();
  assert.equal(left.length, 4);
  assert.ok(!left.includes("named"));
  // Whichever went, three of the first names are not guaranteed: start anew.
  const missing = ["S1", "S2", "S3"].filter((name) => !left.includes(name));
  const extra = left.filter((name) => !["S1", "S2", "S3"].includes(name));
  if (missing.length > 0) await add(JSON.stringify({ n: missing.length, hostnames: missing }));
  await rm(JSON.stringify({ n: extra.length, hostnames: extra }));
  assert.deepEqual((await names()).sort(), ["S1", "S2", "S3"]);
});

test("hostnames may be missing, null or empty", async () => {
  for (const body of ['{"n":1}', '{"n":1,"hostnames":null}', '{"n":1,"hostnames":[]}']) {
    assert.equal((await add(body)).status, 200);
    const last = (await names()).at(-1) as string;
    assert.equal((await rm(JSON.stringify({ n: 1, hostnames: [last] }))).status, 200);
  }
});

test("more names than n, literally", async () => {
  const two = '{"n":1,"hostnames":["S7","S8"]}';
  assertJson(await add(two), 400, failure("Length of hostname list is more than newly added instances"));
  assertJson(await rm(two), 400, failure("Length of hostname list is more than removable instances"));
});

test("what is wrong is refused in words, and nothing changes: all or nothing", async () => {
  const before = await names();
  const long = "x".repeat(300);
  const [known] = before as [string];
  const cases: [(body: string) => Promise<Answer>, string][] = [
    [add, '{"hostnames":["S9"]}'],
    [add, '{"n":0}'],
    [add, '{"n":-1}'],
    [add, '{"n":"3"}'],
    [add, '{"n":2.5}'],
    [add, '{"n":1e9}'],
    [add, '{"n":62}'],
    [add, `{"n":2,"hostnames":["S9","${known}"]}`],
    [add, '{"n":2,"hostnames":["S9","S9"]}'],
    [add, '{"n":2,"hostnames":["S9","a b"]}'],
    [add, `{"n":2,"hostnames":["S9","${long}"]}`],
    [add, '{"n":1,"hostnames":"S9"}'],
    [add, '{"n":1,"hostnames":[9]}'],
    [add, "{"],
    [add, ""],
    [add, "not json"],
    [rm, '{"n":0}'],
    [rm, '{"n":4}'],
    [rm, '{"n":1e9}'],
    [rm, '{"n":"1"}'],
    [rm, `{"n":2,"hostnames":["${known}","nobody"]}`],
    [rm, `{"n":2,"hostnames":["${known}","${known}"]}`],
    [rm, "]"],
  ];
  for (const [verb, body] of cases) {
    const answer = await verb(body);
    assert.equal(answer.status, 400, `${verb.name} ${body.slice(0, 60)}: ${answer.status} ${answer.body}`);
    assert.match(answer.body, /^\{"message":"<Error> .+","status":"failure"\}$/);
    assert.equal(answer.headers["content-type"], "application/json");
  }
  assert.deepEqual(await names(), before);
});

test("a body of 10 MB is refused, and the front door goes on", async () => {
  const answer = await add(Buffer.alloc(10_000_000, 0x20)).catch((error: Error) => error);
  // The answer comes before the body is read; a client that only writes may see the connection close instead.
  if (!(answer instanceof Error)) {
    assertJson(answer, 413, failure("The body is larger than 65536 bytes"));
  }
  assert.equal((await call(door.port, "/rep")).status, 200);
});

test("form bodies, as curl sends them", async (context) => {
  const url = `http://127.0.0.1:${door.port}`;
  const curl = (...words: string[]) => spawnSync("curl", ["-s", ...words], { encoding: "utf8" });
  if (curl("--version").error !== undefined) {
    if (process.env.CI === "true") throw new Error("curl is missing");
    return context.skip("skipped: needs curl");
  }
  const before = await names();
  // The calls are made by another process while this one serves: not spawnSync.
  const { execFile } = await import("node:child_process");
  const run = (...words: string[]) =>
    new Promise<string>((resolve, reject) =>
      execFile("curl", ["-s", "--max-time", "20", ...words], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      ),
    );
  assert.equal(
    await run("-X", "POST", `${url}/add`, "-d", "server_id=new_server"),
    members([...before, "new_server"]),
  );
  assert.equal(await run("-X", "DELETE", `${url}/rm`, "-d", "server_id=new_server"), members(before));
  assert.equal(
    await run(`${url}/add`, "-d", "server_id=a", "-d", "server_id=b"),
    members([...before, "a", "b"]),
  );
  assert.equal(
    await run("-X", "DELETE", `${url}/rm`, "-d", '{"n":2,"hostnames":["a","b"]}'),
    members(before),
  );
});

test("OPTIONS gives 204 with Allow, a wrong method 405 with Allow", async () => {
  const allow = { "/rep": "GET, HEAD, OPTIONS", "/add": "POST, OPTIONS", "/rm": "DELETE, OPTIONS" };
  for (const [path, methods] of Object.entries(allow)) {
    const options = await call(door.port, path, { method: "OPTIONS" });
    assert.deepEqual([options.status, options.headers.allow, options.body], [204, methods, ""]);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"].filter(
      (each) => !methods.includes(each),
    )) {
      const answer = await call(door.port, path, { method });
      assert.deepEqual([answer.status, answer.headers.allow], [405, methods], `${method} ${path}`);
      assert.match(answer.body, /^\{"message":"<Error> .+","status":"failure"\}$/);
    }
  }
  const odd = await raw("BREW /rep HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assert.match(odd, /^HTTP\/1\.1 405 .*\r\nAllow: GET, HEAD, OPTIONS\r\n/);
});

function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(door.port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

test("any other path is routed by the ring, and the replica's own answer comes unchanged", async () => {
  for (const path of ["/other", "/rep/", "/%72ep", "/address", "//rep", "/"]) {
    const { status, body } = await call(door.port, path);
    assert.equal(status, 400);
    assert.equal(body, failure(`'${path}' endpoint does not exist in server replicas`));
  }
  const heartbeat = await call(door.port, "/heartbeat");
  assert.deepEqual([heartbeat.status, heartbeat.body], [200, ""]);
  const posted = await call(door.port, "/other", { method: "POST", body: "x".repeat(1000) });
  assert.equal(posted.status, 400);
});

test("requests spread over all replicas", async () => {
  const counts = new Map<string, number>();
  for (let request = 0; request < 300; request += 1) {
    const name = serverIn(await call(door.port, "/home"));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.equal(counts.size, 3);
  // Expected 100 each, standard deviation 8.
  for (const [name, count] of counts)
    assert.ok(count > 50 && count < 150, `${name} answered ${count} of 300`);
});

test("who may not change replicas gets 403, and the client's own roundhouse-peer counts for nothing", async () => {
  const refused: Record<string, string>[] = [
    { via: "1.1 proxy" },
    { forwarded: "for=192.0.2.1" },
    { "x-forwarded-for": "127.0.0.1" },
    { origin: "https://evil.example" },
    { host: "evil.example" },
    { "x-forwarded-for": "127.0.0.1", "roundhouse-peer": "127.0.0.1" },
  ];
  for (const headers of refused) {
    const answer = await add('{"n":1}', headers);
    assert.equal(answer.status, 403, JSON.stringify(headers));
    assert.match(answer.body, /^\{"message":"<Error> .+","status":"failure"\}$/);
  }
  await backToThreeAnyOrder();
});

async function backToThreeAnyOrder(): Promise<void> {
  assert.deepEqual((await names()).sort(), ["S1", "S2", "S3"]);
}

test("/add and /rm at the same time are carried out one after another", async () => {
  const changes = [];
  for (let pair = 0; pair < 5; pair += 1) {
    changes.push(add(`{"n":1,"hostnames":["P${pair}"]}`), add('{"n":1}'));
  }
  const answers = await Promise.all(changes);
  const sizes = answers.map(({ status, body }) => {
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { message: { N: number } }).message.N;
  });
  assert.deepEqual(
    sizes.sort((a, b) => a - b),
    [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  );
  const extra = (await names()).filter((name) => !/^S[123]$/.test(name));
  assert.equal((await rm(JSON.stringify({ n: 10, hostnames: extra }))).status, 200);
  await backToThreeAnyOrder();
});

test("all replicas may be removed; then 503 with Retry-After, and /add brings them back", async () => {
  const before = await names();
  assertJson(await rm(JSON.stringify({ n: 3, hostnames: before })), 200, members([]));
  const { status, headers, body } = await call(door.port, "/home");
  assert.equal(status, 503);
  assert.equal(headers["retry-after"], "1");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(body, failure("There are no replicas; add some with POST /add"));
  assertJson(await add('{"n":3,"hostnames":["S1","S2","S3"]}'), 200, members(["S1", "S2", "S3"]));
  await backToThree();
});

test("a replica that dies leaves the ring and is replaced under a random name on its seat", async () => {
  const before = await names();
  const victim = door.status().replicas.find(({ name }) => name === before[0]);
  process.kill(victim?.pid as number, "SIGKILL");
  const heir = () =>
    door.status().replicas.find(({ name, seat, state }) => {
      return seat === victim?.seat && name !== victim.name && state === "healthy";
    });
  await until("the replacement serves", () => heir() !== undefined);
  const now = await names();
  assert.equal(now.length, 3);
  assert.deepEqual(
    now.filter((name) => name !== heir()?.name),
    before.slice(1),
  );
});
