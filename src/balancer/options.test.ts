import assert from "node:assert/strict";
import { test } from "node:test";
import { settleOptions } from "./options.ts";

const ignore = () => {};

test("the header policy of the configuration reaches the data plane", () => {
  const { proxy } = settleOptions({ headers: { via: false, underscoreNames: "refuse" } }, ignore);
  assert.deepEqual(proxy.headers, { via: false, underscoreNames: "refuse" });
});
