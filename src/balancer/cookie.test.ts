import assert from "node:assert/strict";
import { test } from "node:test";
import { routedRequest } from "../../test/balancer/routed-request.ts";
import { cookieValue, stickyCookie } from "./cookie.ts";

test("a cookie is found by its whole name", () => {
  assert.equal(cookieValue("SID=1", "SID"), "1");
  assert.equal(cookieValue("a=2;SID=1", "SID"), "1");
  assert.equal(cookieValue("a=2;  SID=1 ; b=3", "SID"), "1");
  assert.equal(cookieValue("XSID=9; SIDX=8; SID=1", "SID"), "1");
  assert.equal(cookieValue('SID="q=1"', "SID"), '"q=1"');
  assert.equal(cookieValue("SID", "SID"), undefined);
  assert.equal(cookieValue("", "SID"), undefined);
  assert.equal(cookieValue(undefined, "SID"), undefined);
});

test("a request without the cookie gets one, and the next request with it has the same key", () => {
  const source = stickyCookie({});
  const first = routedRequest();
  const key = source(first);
  assert.match(first.setCookie ?? "", /^roundhouse=[A-Za-z0-9_-]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
  const next = routedRequest({ headers: { cookie: (first.setCookie ?? "").split(";")[0] as string } });
  assert.equal(source(next), key);
  assert.equal(next.setCookie, undefined);
});

test("a second pick for the same exchange keeps the value", () => {
  const source = stickyCookie({ name: "N" });
  const request = routedRequest();
  const key = source(request);
  const issued = request.setCookie;
  assert.equal(source(request), key);
  assert.equal(request.setCookie, issued);
});

test("two clients get two values", () => {
  const source = stickyCookie({});
  assert.notEqual(source(routedRequest()), source(routedRequest()));
});

test("attributes are written as configured, and wrong ones are refused", () => {
  const request = routedRequest();
  stickyCookie({ name: "N", maxAgeS: 60, secure: true, sameSite: "None", path: "/a", domain: "example.org" })(
    request,
  );
  assert.match(
    request.setCookie ?? "",
    /^N=[^;]+; Path=\/a; HttpOnly; SameSite=None; Secure; Domain=example\.org; Max-Age=60$/,
  );
  assert.throws(() => stickyCookie({ name: "a b" }), /name is "a b"; accepted/);
  assert.throws(() => stickyCookie({ path: "/a;b" }), /path/);
  assert.throws(() => stickyCookie({ domain: "a;b" }), /domain/);
  assert.throws(() => stickyCookie({ sameSite: "None" }), /secure/);
});
