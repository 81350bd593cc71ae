// Deadlines of an exchange.
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ask, eventually, getClose, ok, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("deadlines: 408 for a head, 504 for an answer, 408 for a body; silence is reported", async () => {
  const upstream = await scriptedUpstream(() => true);
  const limits = { headDeadlineMs: 200, responseDeadlineMs: 600, requestIdleMs: 200 };
  const tested = await testedProxy([upstream.port], { limits });
  const head = ask(tested.port, "GET / HT");
  const answer = ask(tested.port, getClose());
  const body = ask(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  assert.match(await head, /^HTTP\/1.1 408 /);
  assert.match(await answer, /^HTTP\/1.1 504 /);
  assert.match(await body, /^HTTP\/1.1 408 /);
  assert.ok(tested.silences.length >= 1);
  for (const each of [tested, upstream]) each.close();
});

test("the control API has no answer deadline: a change may take as long as its replicas take to start", async () => {
  const asked: Socket[] = [];
  const upstream = await scriptedUpstream((socket) => asked.push(socket) > 0);
  const limits = { responseDeadlineMs: 100 };
  const control = await testedProxy([upstream.port], { limits, upstream: { kind: "control" } });
  const replica = await testedProxy([upstream.port], { limits });
  const change = ask(control.port, getClose());
  await eventually(() => asked.length === 1);
  assert.match(await ask(replica.port, getClose()), /^HTTP\/1.1 504 /); // as long as the deadline has passed
  asked[0]?.write(ok("changed"));
  assert.match(await change, /^HTTP\/1.1 200 /);
  for (const each of [control, replica, upstream]) each.close();
});
