import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LoadFlags, settleLoad } from "./load-settings.ts";

const settled = (flags: Partial<LoadFlags>) => settleLoad({ url: "http://h:81/a", ...flags }).options;

describe("the settings of a load", () => {
  it("have defaults: 16 users for 10 s, random keys", () => {
    const options = settled({});
    assert.deepEqual(options.target, { host: "h", port: 81, tls: false, insecure: false });
    assert.deepEqual(
      [options.model, options.stages, options.timeoutMs],
      ["closed", [{ seconds: 10, level: 16 }], 10_000],
    );
    assert.match(options.keys(), /^\d{6}$/);
  });

  it("take a rate as the open model, and stages in place of a number", () => {
    assert.deepEqual(settled({ rate: "0.5", duration: "2m" }).stages, [{ seconds: 120, level: 0.5 }]);
    assert.equal(settled({ rate: "5s:10,5s:20" }).model, "open");
    assert.equal(settled({ users: "5s:10,5s:20" }).stages.length, 2);
    assert.ok((settled({ requests: "5" }).stages[0]?.seconds ?? 0) > 3600);
  });

  it("keep the target as it was typed", () => {
    const text = (url: string) => settled({ url }).requestText("GET", "k");
    assert.match(text("http://h/a/{key}?x=%20&y={key}"), /^GET \/a\/k\?x=%20&y=k HTTP/);
    assert.match(text("h:5000"), /^GET \/ HTTP/);
    assert.match(text("http://[::1]:5000/{key}"), /Host: \[::1\]:5000\r\n/);
    assert.equal(settled({ url: "http://[::1]:5000/" }).target.host, "::1");
    assert.deepEqual(settled({ url: "https://h/" }).target.port, 443);
  });

  it("find the replica by greeting, header or pattern", () => {
    const find = (countBy: string | undefined, sample: string) =>
      settled(countBy === undefined ? {} : { countBy }).replicaOf?.(sample);
    assert.equal(find(undefined, '{"message":"Hello from Server: S1","status":"successful"}'), "S1");
    assert.equal(find("header:x-served-by", "HTTP/1.1 200 OK\r\nX-Served-By:  a b \r\n\r\n"), "a b");
    assert.equal(find("id=(\\d+)", "id=7"), "7");
    assert.equal(find("id=(\\d+)", "none"), null);
    assert.equal(settled({ countBy: "off" }).replicaOf, undefined);
  });

  for (const [flags, words] of [
    [{ url: "ftp://h/" }, /accepted: http:\/\/ or https:\/\//],
    [{ rate: "5", users: "5" }, /accepted: one of them/],
    [{ rate: "0" }, /a number above 0/],
    [{ users: "1.5" }, /a whole number from 1/],
    [{ users: "5s:1", duration: "5s" }, /durations of their own/],
    [{ duration: "soon" }, /such as 10s:100/],
    [{ requests: "0" }, /--requests is "0"; accepted: a whole number from 1/],
    [{ countBy: "(" }, /--count-by is "\(".*accepted: header:NAME/],
    [{ arrivals: "odd" }, /even or poisson/],
    [{ body: "@/does/not/exist" }, /Cannot read the body: ENOENT/],
  ] as const) {
    it(`refuse ${JSON.stringify(flags)}`, () => {
      assert.throws(() => settled(flags), { code: "BAD_CONFIG", message: words });
    });
  }
});
