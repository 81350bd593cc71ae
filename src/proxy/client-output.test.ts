import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { ClientOutput } from "./client-output.ts";

/** A socket whose kernel has taken all but so many bytes of the last write. */
function socketThatLeaves(unsent: number): Socket & { unsent: number } {
  const socket = Object.assign(new Socket(), { unsent });
  let needsDrain = false;
  Object.defineProperty(socket, "writableLength", {
    get: () => {
      if (socket.unsent === 0) needsDrain = false;
      return socket.unsent;
    },
  });
  Object.defineProperty(socket, "writableNeedDrain", {
    get: () => needsDrain || socket.unsent >= socket.writableHighWaterMark,
  });
  socket.write = (piece: string | Uint8Array) => {
    if (piece.length >= socket.writableHighWaterMark) needsDrain = true;
    return !needsDrain;
  };
  return socket;
}

test("a single byte of lent bytes that is unwritten keeps the upstream from being read", () => {
  const socket = socketThatLeaves(1);
  const out = new ClientOutput(socket, 256 * 1024);
  assert.equal(out.isBlocked, false);
  out.lent(Buffer.alloc(100_000), 0, 100_000);
  assert.equal(out.isBlocked, true);
  assert.equal(out.holdsLent, true);
  socket.unsent = 0;
  assert.equal(out.isBlocked, false);
  assert.equal(out.holdsLent, false);
});

test("what was copied may wait, up to half of what may be held", () => {
  const socket = socketThatLeaves(100 * 1024);
  const out = new ClientOutput(socket, 256 * 1024);
  out.lent(Buffer.alloc(10_000), 0, 10_000);
  assert.equal(out.isBlocked, false);
  assert.equal(out.holdsLent, false);
  socket.unsent = 129 * 1024;
  assert.equal(out.isBlocked, true);
});

test("nobody waits for a `drain` that will not come: the socket's own mark may lie above the limit", () => {
  const socket = socketThatLeaves(10_000);
  const out = new ClientOutput(socket, 16 * 1024);
  assert.ok(socket.writableHighWaterMark > 10_000);
  out.bytes(Buffer.of(1));
  assert.equal(out.isBlocked, false);
  socket.unsent = socket.writableHighWaterMark;
  assert.equal(out.isBlocked, true);
});

test("lent bytes that are gone make nobody wait for the few that were written after them", () => {
  const socket = socketThatLeaves(1);
  const out = new ClientOutput(socket, 256 * 1024);
  out.lent(Buffer.alloc(100_000), 0, 100_000);
  assert.equal(out.isBlocked, true);
  socket.unsent = 0;
  assert.equal(out.isBlocked, false);
  out.text("a small answer");
  socket.unsent = 14;
  out.writeNow();
  assert.equal(out.isBlocked, false);
});
