import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { makeControlSocket } from "./control-socket.ts";

const parent = mkdtempSync(join(tmpdir(), "rh-test-"));
after(() => rmSync(parent, { recursive: true, force: true }));

test("the directory is ours alone, and gone after remove", async () => {
  const socket = await makeControlSocket(parent);
  const directory = dirname(socket.path);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await socket.remove();
  assert.ok(!existsSync(directory));
});

test("an old directory without a listener is swept, one with a listener is not", async () => {
  const stale = join(parent, "roundhouse-control-stale1");
  const young = join(parent, "roundhouse-control-young1");
  const alive = join(parent, "roundhouse-control-alive1");
  for (const directory of [stale, young, alive]) mkdirSync(directory);
  const server = createServer().listen(join(alive, "control.sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const directory of [stale, alive]) utimesSync(directory, longAgo, longAgo);
  const socket = await makeControlSocket(parent);
  assert.ok(!existsSync(stale));
  assert.ok(existsSync(young));
  assert.ok(existsSync(alive));
  await socket.remove();
  await new Promise((resolve) => server.close(resolve));
});

test("a directory that is too long or cannot be written is refused in words", async () => {
  await assert.rejects(makeControlSocket(join(parent, "x".repeat(100))), /longer than the 103 bytes.*TMPDIR/);
  await assert.rejects(makeControlSocket(join(parent, "missing")), /TMPDIR/);
});
