import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { test } from "node:test";
import { type AuthorizationPolicy, refusal } from "./authorization.ts";
import { parseNetworks } from "./networks.ts";

const token = "s3cret-s3cret-s3cret";
const policy: AuthorizationPolicy = {
  allow: parseNetworks("allow", ["10.0.0.0/8", "fd00::/8"]),
  token,
  names: ["door.example"],
};
const host = "localhost:5000";

interface Case {
  readonly why: string;
  readonly peer?: string;
  readonly headers?: IncomingHttpHeaders;
  readonly refused?: RegExp;
}

const cases: Case[] = [
  { why: "loopback" },
  { why: "loopback, IPv6", peer: "::1" },
  { why: "loopback, mapped", peer: "::ffff:127.0.0.1" },
  { why: "loopback, another 127", peer: "127.9.9.9" },
  { why: "another machine", peer: "192.0.2.1", refused: /192\.0\.2\.1 is not a loopback address/ },
  { why: "no peer known", peer: "", refused: /unknown peer/ },
  { why: "no address", peer: "127.0.0.1.example", refused: /is not a loopback address/ },
  { why: "forwarded", headers: { forwarded: "for=192.0.2.1" }, refused: /with forwarded was forwarded/ },
  { why: "forwarded, empty", headers: { forwarded: "" }, refused: /forwarded/ },
  { why: "X-Forwarded-For", headers: { "x-forwarded-for": "127.0.0.1" }, refused: /x-forwarded-for/ },
  { why: "X-Forwarded-Proto", headers: { "x-forwarded-proto": "http" }, refused: /x-forwarded-proto/ },
  { why: "Via", headers: { via: "1.1 p" }, refused: /via/ },
  { why: "allowed network", peer: "10.1.2.3" },
  { why: "allowed network, IPv6", peer: "fd00::7" },
  { why: "allowed network, any Host", peer: "10.1.2.3", headers: { host: "lb.internal" } },
  { why: "allowed network, forwarded", peer: "10.1.2.3", headers: { via: "1.1 p" } },
  {
    why: "allowed network, a browser on a rebound name",
    peer: "10.1.2.3",
    headers: { host: "evil.example:5000", origin: "http://evil.example:5000" },
    refused: /Host "evil\.example:5000"/,
  },
  { why: "token", peer: "192.0.2.1", headers: { authorization: `Bearer ${token}` } },
  { why: "token, scheme in lower case", peer: "192.0.2.1", headers: { authorization: `bearer ${token}` } },
  { why: "token, forwarded", headers: { authorization: `Bearer ${token}`, via: "1.1 p" } },
  { why: "token, any Host", headers: { authorization: `Bearer ${token}`, host: "lb.example" } },
  {
    why: "wrong token",
    peer: "192.0.2.1",
    headers: { authorization: `Bearer ${token}x` },
    refused: /not a loopback address/,
  },
  {
    why: "token's beginning",
    peer: "192.0.2.1",
    headers: { authorization: "Bearer s3cret" },
    refused: /not a loopback address/,
  },
  {
    why: "empty token",
    peer: "192.0.2.1",
    headers: { authorization: "Bearer " },
    refused: /not a loopback address/,
  },
  {
    why: "Basic",
    peer: "192.0.2.1",
    headers: { authorization: `Basic ${token}` },
    refused: /not a loopback address/,
  },
  { why: "rebound name", headers: { host: "evil.example:5000" }, refused: /Host "evil\.example:5000"/ },
  { why: "no Host", headers: { host: undefined }, refused: /Host ""/ },
  { why: "malformed Host", headers: { host: "localhost:5000@evil" }, refused: /Host/ },
  { why: "Host is an address", headers: { host: "127.0.0.1:5000" } },
  { why: "Host is an IPv6 address", headers: { host: "[::1]:5000" } },
  { why: "Host is our name", headers: { host: "Door.Example" } },
  { why: "same origin", headers: { origin: "http://localhost:5000" } },
  { why: "same origin, default port", headers: { host: "localhost:80", origin: "http://localhost" } },
  {
    why: "another port is another origin",
    headers: { origin: "http://localhost:8080" },
    refused: /another site/,
  },
  {
    why: "another site",
    headers: { origin: "https://evil.example" },
    refused: /another site \(https:\/\/evil/,
  },
  { why: "opaque origin", headers: { origin: "null" }, refused: /another site/ },
  { why: "cross-site fetch", headers: { "sec-fetch-site": "cross-site" }, refused: /another site/ },
  { why: "typed by the user", headers: { "sec-fetch-site": "none" } },
  {
    why: "another site with the token",
    headers: { origin: "https://evil.example", authorization: `Bearer ${token}` },
    refused: /another site/,
  },
];

for (const { why, peer = "127.0.0.1", headers = {}, refused } of cases) {
  test(`${why}: ${refused === undefined ? "allowed" : "refused"}`, () => {
    const reason = refusal(peer, { host, ...headers }, policy);
    if (refused === undefined) assert.equal(reason, null);
    else assert.match(reason ?? "allowed", refused);
  });
}

test("without a token configured no token helps, not even an empty one", () => {
  const none = { ...policy, token: undefined };
  for (const authorization of ["Bearer ", "Bearer undefined", `Bearer ${token}`]) {
    assert.notEqual(refusal("192.0.2.1", { host, authorization }, none), null);
  }
});

test("without networks configured only loopback counts", () => {
  assert.notEqual(refusal("10.1.2.3", { host }, { ...policy, allow: null }), null);
});

test("networks that are none are refused", () => {
  for (const network of [
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "door.example",
    "",
  ]) {
    assert.throws(() => parseNetworks("allow", [network]), /allow has .*10\.0\.0\.0\/8/);
  }
});
