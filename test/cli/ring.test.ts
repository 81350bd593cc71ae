import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "./roundhouse-process.ts";

test("ring shares prints the course scheme's golden shares", async () => {
  const { stdout, code } = await run(["ring", "shares", "--servers", "3", "--hash", "assignment"]);
  assert.equal(code, 0);
  const shares = [...stdout.matchAll(/([\d.]+) %/g)].map((match) => Number(match[1]));
  assert.equal(shares.length, 3);
});

test("ring lookup names the slot and the servers in order of preference", async () => {
  const { stdout } = await run(["ring", "lookup", "--servers", "5", "--json", "/users/7", "123456"]);
  const [byText, byNumber] = JSON.parse(stdout) as { key: unknown; slot: number; candidates: number[] }[];
  assert.equal(byText?.key, "/users/7");
  assert.equal(byNumber?.key, 123_456);
  assert.deepEqual([...(byText?.candidates ?? [])].sort(), [1, 2, 3, 4, 5]);
});

test("ring preview: a fourth server takes a quarter of the keys, all from the others", async () => {
  const { stdout } = await run(["ring", "preview", "--servers", "3", "--add", "1", "--json"]);
  const preview = JSON.parse(stdout) as { moved: number; moves: { to: number }[] };
  assert.ok(Math.abs(preview.moved - 0.25) < 0.01, String(preview.moved));
  assert.deepEqual(new Set(preview.moves.map((move) => move.to)), new Set([4]));
});

test("what is wrong with the arguments is said, with code 2", async () => {
  const cases: [string[], RegExp][] = [
    [["--servers", "x"], /--servers is "x"; accepted: a whole number/],
    [["--hash", "md5"], /no placement "md5"/],
    [["--weights", "1,-2"], /--weights is "1,-2"; accepted: numbers above 0/],
    [["--hash", "assignment", "--servers", "57"], /5[67]/],
  ];
  for (const [args, expected] of cases) {
    const finished = await run(["ring", "shares", ...args]);
    assert.match(finished.stderr, expected);
    assert.equal(finished.code, 2, args.join(" "));
  }
});
