// What the proxy's observer is told of the answers that its upstreams give.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, ok, scriptedUpstream, testedProxy } from "./scripted.test.ts";

const get = (path: string, fields = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const getClose = (path: string) => get(path, "Connection: close\r\n");

test("the observer hears of bad answers, and of everything while an upstream is watched", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    socket.write(received.startsWith("GET /bad ") ? unavailable : ok("hello"));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  await ask(tested.port, get("/good") + getClose("/bad"));
  assert.deepEqual(tested.noted, ["S1 503"]);
  const [first] = tested.upstreams;
  assert.ok(first);
  first.watched = true;
  await ask(tested.port, getClose("/good"));
  assert.deepEqual(tested.noted, ["S1 503", "S1 asked", "S1 200"]);
  tested.close();
  upstream.close();
});

const unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
