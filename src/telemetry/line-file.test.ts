import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openLineFile } from "./line-file.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-lines-"));
after(() => rmSync(folder, { recursive: true }));

const never = (error: Error) => assert.fail(error.message);
const read = (path: string) => readFileSync(path, "latin1");

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("lines come in order, without anybody waiting for them", async () => {
  const path = join(folder, "order");
  const file = openLineFile({ path, onError: never });
  for (let line = 0; line < 20_000; line += 1) {
    file.write(`line ${line}\n`);
    if (line % 5_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await file.close();
  const expected = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join("");
  assert.equal(read(path), expected);
  assert.equal(file.dropped, 0);
});

test("a few lines do not wait for more", async () => {
  const path = join(folder, "few");
  const file = openLineFile({ path, onError: never });
  file.write("one\n");
  await eventually(() => read(path) === "one\n");
  await file.close();
});

test("beyond its bound lines are dropped and counted", async () => {
  const path = join(folder, "bound");
  const file = openLineFile({ path, onError: never, bufferBytesMax: 1_000 });
  for (let line = 0; line < 150; line += 1) file.write("123456789\n");
  assert.equal(file.dropped, 50);
  await eventually(() => read(path).length === 1_000);
  await eventually(() => {
    const { dropped } = file; // until the writer has heard that its bytes are out
    file.write("again\n");
    return file.dropped === dropped;
  });
  await file.close();
  assert.ok(read(path).endsWith("\nagain\n"));
});

test("after a rotation, what was written before it is in the old file, and what comes after in the new one", async () => {
  const path = join(folder, "rotated");
  const file = openLineFile({ path, onError: never });
  for (let turn = 0; turn < 3; turn += 1) {
    file.write(`before ${turn}\n`);
    renameSync(path, `${path}.${turn}`);
    file.reopen();
    file.write(`after ${turn}\n`);
    await eventually(() => read(`${path}.${turn}`).includes(`before ${turn}`));
    await eventually(() => {
      try {
        return read(path).includes(`after ${turn}`);
      } catch {
        return false; // not there yet
      }
    });
  }
  await file.close();
  assert.equal(read(`${path}.0`), "before 0\n");
  assert.equal(read(`${path}.1`), "after 0\nbefore 1\n");
  assert.equal(read(path), "after 2\n");
});

test("a disk that is full costs lines, is told once, and is tried again", async () => {
  const told: string[] = [];
  const file = openLineFile({ path: "/dev/full", onError: ({ message }) => told.push(message) });
  file.write("lost\n");
  await eventually(() => told.length === 1);
  assert.match(told[0] ?? "", /ENOSPC/);
  assert.equal(file.dropped, 1);
  file.write("waits\n");
  await file.close();
  assert.equal(told.length, 1);
});

test("a file that cannot be opened is an error at once; one that cannot be opened anew goes on", async () => {
  assert.throws(() => openLineFile({ path: join(folder, "no", "file"), onError: never }), /ENOENT/);
  const path = join(folder, "stays");
  const told: string[] = [];
  const file = openLineFile({ path, onError: ({ message }) => told.push(message) });
  renameSync(folder, `${folder}-away`);
  file.reopen();
  await eventually(() => told.length === 1);
  file.write("still here\n");
  await file.close();
  renameSync(`${folder}-away`, folder);
  assert.equal(read(path), "still here\n");
});
