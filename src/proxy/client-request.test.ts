import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldIn } from "./client-request.ts";

const head = (...lines: string[]) => `GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

describe("a field of a request", () => {
  it("is found whatever its case, without the spaces around its value", () => {
    assert.equal(fieldIn(head("Host: h", "X-KEY:  a b \t"), "x-key"), "a b");
    assert.equal(fieldIn(head("Host: h", "X-Key2: a"), "x-key"), undefined);
    assert.equal(fieldIn(head("Host: h", "X-Key:"), "x-key"), "");
  });

  it("that comes several times is one list, and cookies are one string", () => {
    assert.equal(fieldIn(head("A: 1", "B: 2", "a: 3"), "a"), "1, 3");
    assert.equal(fieldIn(head("Cookie: a=1", "cookie: b=2"), "cookie"), "a=1; b=2");
  });
});
