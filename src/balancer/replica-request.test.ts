import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RoundhouseError } from "../errors.ts";
import { parseReplicaRequest, type ReplicaVerb } from "./replica-request.ts";

const json = "application/json";
const form = "application/x-www-form-urlencoded";

function parse(body: string | Buffer, type?: string | null, verb: ReplicaVerb = "add") {
  return parseReplicaRequest(verb, type === null ? undefined : (type ?? json), Buffer.from(body));
}

test("JSON is read whatever the content type says, and in the charset that it names", () => {
  const expected = { count: 2, names: ["S4", "S5"] };
  const text = '{"n":2,"hostnames":["S4","S5"]}';
  for (const type of [
    json,
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "text/plain",
    form,
    undefined,
    "",
    "x",
  ]) {
    assert.deepEqual(parse(text, type), expected, String(type));
  }
  assert.deepEqual(parse(Buffer.from(text, "utf16le"), "application/json; charset=utf-16le"), expected);
  assert.deepEqual(parse(text, "application/json; charset=made-up"), expected);
  assert.deepEqual(parse(`\ufeff${text}\r\n`), expected);
});

test("hostnames may be missing, null or fewer than n", () => {
  for (const body of ['{"n":2}', '{"n":2,"hostnames":null}', '{"n":2,"hostnames":[]}']) {
    assert.deepEqual(parse(body), { count: 2, names: [] });
  }
  assert.deepEqual(parse('{"n":3,"hostnames":["a"]}'), { count: 3, names: ["a"] });
});

test("a form names servers, one or several", () => {
  assert.deepEqual(parse("server_id=new_server", form), { count: 1, names: ["new_server"] });
  assert.deepEqual(parse("server_id=a&server_id=b", form), { count: 2, names: ["a", "b"] });
  assert.deepEqual(parse("n=3&hostnames=a&hostnames=b", form), { count: 3, names: ["a", "b"] });
  assert.deepEqual(parse("server_id=a", null), { count: 1, names: ["a"] });
  assert.deepEqual(parse("server_id=a%2Db", form), { count: 1, names: ["a-b"] });
});

test("more names than n have the contract's words", () => {
  const body = '{"n":1,"hostnames":["S4","S5"]}';
  assert.throws(() => parse(body), { message: "Length of hostname list is more than newly added instances" });
  assert.throws(() => parse(body, json, "remove"), {
    message: "Length of hostname list is more than removable instances",
  });
});

test("everything else is refused in words", () => {
  const long = "x".repeat(300);
  const cases: [body: string, words: RegExp, type?: string][] = [
    ["", /body is empty/],
    [
      `{"n":${"[".repeat(300_000)}${"]".repeat(300_000)}}`,
      /n is (a value nested too deeply to show|\[\[\[.*…); a whole/,
    ],
    ['{"n":1e400}', /n is Infinity; a whole number/],
    ["{}", /n is missing/],
    ['{"n":0}', /n is 0; a whole number of at least 1/],
    ['{"n":-1}', /n is -1/],
    ['{"n":"3"}', /n is "3"/],
    ['{"n":2.5}', /n is 2.5/],
    ['{"n":true}', /n is true/],
    ['{"n":null}', /n is null/],
    ['{"n":1e20}', /n is 100000000000000000000/],
    ['{"n":[1]}', /n is \[1\]/],
    ['{"hostnames":["S4"]}', /n is missing/],
    ['{"n":1,"hostnames":"S4"}', /hostnames is "S4"; a list/],
    ['{"n":1,"hostnames":{}}', /hostnames is \{\}; a list/],
    ['{"n":1,"hostnames":[4]}', /hostnames has 4; names are strings/],
    ['{"n":1,"hostnames":[null]}', /hostnames has null/],
    ['{"n":1,"hostnames":[""]}', /The name "" cannot be used/],
    ['{"n":1,"hostnames":["a b"]}', /The name "a b" cannot be used/],
    ['{"n":1,"hostnames":["-a"]}', /The name "-a" cannot be used/],
    ['{"n":1,"hostnames":["ä"]}', /cannot be used/],
    ['{"n":1,"hostnames":["a/../b"]}', /cannot be used/],
    ['{"n":1,"hostnames":["a\\nb"]}', /cannot be used/],
    [`{"n":1,"hostnames":["${long}"]}`, /"x{70}…" cannot be used/],
    [`{"n":1,"hostnames":["${"x".repeat(64)}"]}`, /cannot be used/],
    ['{"n":2,"hostnames":["a","a"]}', /"a" is given twice/],
    ['{"n":1', /not valid JSON: position 6, at its end/],
    ['{"n":1,}', /not valid JSON: position 7, near "}"/],
    ["[]", /The body is \[\]; an object/],
    ["null", /The body is null; an object/],
    ["7", /The body is 7; an object/],
    ["nonsense", /not valid JSON: position 0/],
    ["nonsense=1", /neither server_id nor n/, form],
    ["n=0", /n is 0/, form],
    ["n=x&server_id=a", /n is "x"/, form],
    ["server_id=a b", /cannot be used/, form],
  ];
  for (const [body, words, type] of cases) {
    assert.throws(
      () => parse(body, type),
      (error: unknown) =>
        error instanceof RoundhouseError && error.code === "BAD_REQUEST" && words.test(error.message),
      body,
    );
  }
  assert.throws(() => parse(Buffer.from([0x7b, 0xff, 0x7d])), /not valid utf-8 text/);
  assert.throws(() => parseReplicaRequest("add", json, undefined), /body is empty/);
});

test("63 characters are a name", () => {
  const name = `S${"_.-9".repeat(15)}ab`;
  assert.equal(name.length, 63);
  assert.deepEqual(parse(JSON.stringify({ n: 1, hostnames: [name] })).names, [name]);
});

test("no body crashes: it is a request or a refusal", () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ n: fc.oneof(fc.integer(), fc.string()), hostnames: fc.array(fc.string()) })
      .map((value) => Buffer.from(JSON.stringify(value))),
  );
  fc.assert(
    fc.property(
      bodies,
      fc.constantFrom(json, form, undefined, "text/plain; charset=latin1"),
      (body, type) => {
        try {
          const { count, names } = parseReplicaRequest("remove", type, body);
          assert.ok(Number.isSafeInteger(count) && count >= 1 && names.length <= count);
        } catch (error) {
          assert.ok(error instanceof RoundhouseError && error.code === "BAD_REQUEST", String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
