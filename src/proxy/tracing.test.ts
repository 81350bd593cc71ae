// Trace context on its way through: what the upstream gets, by policy.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answering, ask, ok, scriptedUpstream, testedProxy } from "./scripted.test.ts";

const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const malformed = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
const made = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

async function forwarded(policy: "pass" | "start" | "join", fields: string) {
  const upstream = await scriptedUpstream(answering(ok("")));
  const tested = await testedProxy([upstream.port], { headers: { traceparent: policy } });
  await ask(tested.port, `GET / HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`);
  const [head = ""] = upstream.received;
  const values = (name: RegExp) => [...head.matchAll(name)].map(([, value]) => value ?? "");
  for (const each of [tested, upstream]) each.close();
  return { parents: values(/^traceparent: (.*)\r$/gim), states: values(/^tracestate: (.*)\r$/gim) };
}

test("by default both fields pass as they came, whatever they are", async () => {
  assert.deepEqual(await forwarded("pass", `Traceparent: ${malformed}\r\ntracestate: a=1\r\n`), {
    parents: [malformed],
    states: ["a=1"],
  });
  assert.deepEqual(await forwarded("pass", ""), { parents: [], states: [] });
});

test("`start` makes a trace where there is none, and leaves one that there is", async () => {
  const states = "tracestate: a=1\r\nTracestate: b=2\r\n";
  assert.deepEqual(await forwarded("start", `traceparent: ${given}\r\n${states}`), {
    parents: [given],
    states: ["a=1", "b=2"],
  });
  for (const fields of [
    "",
    `traceparent: ${malformed}\r\n`,
    `traceparent: ${given}\r\ntraceparent: ${given}\r\n`,
  ]) {
    const { parents, states: kept } = await forwarded("start", fields + states);
    assert.equal(parents.length, 1, fields);
    assert.match(parents[0] ?? "", made);
    assert.notEqual(parents[0], given);
    assert.deepEqual(kept, [], "a state belongs to its trace");
  }
});

test("`join` names a span of ours as the parent, in the same trace, as sampled as it was", async () => {
  const unsampled = given.replace(/01$/, "00");
  for (const parent of [given, unsampled, given.replace(/^00/, "cc").concat("-later")]) {
    const { parents, states } = await forwarded("join", `traceparent: ${parent}\r\ntracestate: a=1\r\n`);
    const [, trace, span, flags] = (parents[0] ?? "").split("-");
    assert.equal(trace, given.slice(3, 35));
    assert.match(span ?? "", /^(?!b7ad6b7169203331)[0-9a-f]{16}$/);
    assert.equal(flags, parent === unsampled ? "00" : "01");
    assert.ok(parents[0]?.startsWith("00-"));
    assert.deepEqual(states, ["a=1"]);
  }
});

test("every request has its own, on one connection too", async () => {
  const upstream = await scriptedUpstream(answering(ok("")));
  const tested = await testedProxy([upstream.port], { headers: { traceparent: "start" } });
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  await ask(tested.port, `${request.repeat(20)}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const traces = upstream.received.map((head) => /^traceparent: (.*)\r$/im.exec(head)?.[1]);
  assert.equal(new Set(traces).size, 21);
  assert.ok(traces.every((trace) => made.test(trace ?? "")));
  for (const each of [tested, upstream]) each.close();
});
