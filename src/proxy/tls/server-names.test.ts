import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateFor, withoutOpenssl } from "../../../test/tls/certificates.ts";
import { chooserOf } from "./server-names.ts";

test("the first that has the name, then the first with a `*`, then the first", {
  skip: withoutOpenssl,
}, () => {
  const choose = chooserOf([
    { cert: certificateFor("a.test", "*.b.test").cert, context: 1 },
    { cert: certificateFor("c.b.test", "a.test").cert, context: 2 },
  ]);
  assert.equal(choose("a.test"), 1);
  assert.equal(choose("A.Test"), 1);
  assert.equal(choose("c.b.test"), 2);
  assert.equal(choose("d.b.test"), 1);
  assert.equal(choose("e.d.b.test"), 1);
  assert.equal(choose("b.test"), 1);
  assert.equal(choose(""), 1);
});
