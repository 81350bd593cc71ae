import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type RequestFields, routedRequest } from "../../test/balancer/routed-request.ts";
import { RoundhouseError } from "../errors.ts";
import { parseNetworks } from "./networks.ts";
import { type KeyOption, parseKey, randomId } from "./routing-key.ts";

const last = -1;

function keyOf(option: KeyOption, fields: RequestFields, errors: unknown[] = []) {
  const trusted = parseNetworks("trustedProxies", ["10.0.0.0/8"]);
  const context = { trusted, otherwise: () => last, onError: (error: unknown) => errors.push(error) };
  return parseKey(option, context)(routedRequest(fields));
}

test("each form takes its part of the request, as received", () => {
  const cases: [KeyOption, RequestFields, string | number][] = [
    ["random", {}, last],
    ["path", { target: "/a%2Fb?x=1" }, "/a%2Fb"],
    ["path", { target: "/a" }, "/a"],
    ["path", { target: "*" }, "*"],
    ["uri", { target: "/a?x=1" }, "/a?x=1"],
    ["query", { target: "/a?x=1&y" }, "x=1&y"],
    ["query", { target: "/a" }, last],
    ["query", { target: "/a?" }, last],
    ["query:user", { target: "/a?superuser=1&user=b%20c&user=d" }, "b%20c"],
    ["query:user", { target: "/a?user" }, last],
    ["query:user", { target: "/a?user=" }, last],
    ["query:user", { target: "/user=1" }, last],
    ["header:X-User", { headers: { "x-user": "u1" } }, "u1"],
    ["header:X-User", { headers: { "x-user": "" } }, last],
    ["cookie:SID", { headers: { cookie: "a=b; XSID=0; SID=c" } }, "c"],
    ["cookie:SID", { headers: { cookie: "SID=" } }, last],
    ["cookie:SID", {}, last],
    ["ip", { peerAddress: "192.0.2.7" }, "192.0.2.7"],
    ["ip", { peerAddress: "::ffff:192.0.2.7" }, "192.0.2.7"],
  ];
  for (const [option, fields, expected] of cases) {
    assert.equal(keyOf(option, fields), expected, `${option} of ${JSON.stringify(fields)}`);
  }
});

test("the first source that the request has counts", () => {
  const both = { headers: { cookie: "SID=s" }, peerAddress: "192.0.2.7" };
  assert.equal(keyOf("cookie:SID, ip", both), "s");
  assert.equal(keyOf("cookie:SID,ip", { peerAddress: "192.0.2.7" }), "192.0.2.7");
  assert.equal(keyOf("header:a,cookie:b", {}), last);
});

test("X-Forwarded-For counts only from a trusted peer, up to the last address a trusted proxy saw", () => {
  const from = (value: string, peerTrusted: boolean) =>
    keyOf("ip", { headers: { "x-forwarded-for": value }, peerAddress: "10.0.0.1", peerTrusted });
  assert.equal(from("198.51.100.1", false), "10.0.0.1");
  assert.equal(from("198.51.100.1", true), "198.51.100.1");
  assert.equal(from("1.2.3.4, 198.51.100.1", true), "198.51.100.1");
  assert.equal(from("1.2.3.4, 198.51.100.1, 10.9.9.9", true), "198.51.100.1");
  assert.equal(from("10.1.1.1", true), "10.1.1.1");
  assert.equal(from("[2001:db8::1]:80", true), "2001:db8::1");
  assert.equal(from("198.51.100.1:80", true), "198.51.100.1");
  assert.equal(from("rubbish", true), "10.0.0.1");
  assert.equal(from("", true), "10.0.0.1");
});

test("a function may give a text, a number, or nothing", () => {
  assert.equal(
    keyOf((request) => request.header("x"), { headers: { x: "v" } }),
    "v",
  );
  assert.equal(
    keyOf(() => 123456, {}),
    123456,
  );
  assert.equal(
    keyOf(() => -1.5, {}),
    "-1.5",
  );
  assert.equal(
    keyOf(() => undefined, {}),
    last,
  );
  assert.equal(keyOf([() => undefined, "path"], { target: "/p" }), "/p");
});

test("a function that throws or gives no key counts as having none, and is told", () => {
  const bad: (() => unknown)[] = [
    () => {
      throw new Error("broken");
    },
    () => Number.NaN,
    () => ({}),
    async () => "later",
  ];
  for (const source of bad) {
    const errors: unknown[] = [];
    assert.equal(keyOf([source as () => string, "path"], { target: "/p" }, errors), "/p");
    assert.equal(errors.length, 1);
  }
});

test("a wrong expression is refused with what is accepted", () => {
  const wrong = [
    "",
    "pth",
    "header",
    "header:",
    "header:a b",
    "cookie",
    "cookie:a;b",
    "query:",
    "query:a=b",
    "x:y",
    "ip,",
  ];
  for (const expression of wrong) {
    assert.throws(
      () => keyOf(expression, {}),
      (error: unknown) =>
        error instanceof RoundhouseError &&
        error.code === "BAD_CONFIG" &&
        error.message.includes("accepted: random, path"),
      JSON.stringify(expression),
    );
  }
});

test("any target and any header give a key without throwing", () => {
  const forms = fc.constantFrom(
    "path",
    "query",
    "uri",
    "ip",
    "query:a",
    "cookie:a",
    "header:cookie",
    "cookie:a,query:a",
  );
  const fields = fc.record({
    target: fc.string(),
    headers: fc.record({ cookie: fc.string(), "x-forwarded-for": fc.string() }),
    peerTrusted: fc.boolean(),
  });
  fc.assert(
    fc.property(forms, fields, (form, given) => {
      assert.notEqual(keyOf(form, given), undefined);
    }),
  );
});

test("random ids have six digits and spread evenly", () => {
  const tens = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 9_000; draw += 1) {
    const id = randomId();
    assert.ok(Number.isInteger(id) && id >= 100_000 && id <= 999_999);
    const first = Math.floor(id / 100_000);
    tens[first] = (tens[first] as number) + 1;
  }
  // Expected 1000 each, standard deviation 30.
  for (const count of tens.slice(1)) assert.ok(count > 800 && count < 1200, `${count} of 9000`);
});
