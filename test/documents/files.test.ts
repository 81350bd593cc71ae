// Every file that a document or a comment names is there. A name may leave out the folders before it, as comments do
// (`lifecycle.ts`, `queue/ownership.ts`), and may have a `*`.
import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { documents, files, read } from "./markdown.ts";

/** Names of files that users have, and of what is made by building. */
const elsewhere =
  /^(dist|backups)\/|^(roundhouse\.config\.\w+|package\.json|brokers\.json|server\.js|my-server\.js)$/;
const fileName = /^[\w.@*-]+(\/[\w.@*-]+)*\.(ts|tsx|mjs|sh|json|md|txt|yaml|yml|service|cfg|lua)$/;
const ownFolder = /^(src|test|bench|docs|deploy|assets)(\/[\w.*-]+)*\/?$/;

const folders = new Set(
  files.flatMap((path) => path.split("/").map((_, at, all) => all.slice(0, at).join("/"))),
);
/** Each with all the ends that it may be named by. */
const names = new Set(files.flatMap((path) => path.split("/").map((_, at, all) => all.slice(at).join("/"))));

function isThere(name: string): boolean {
  if (elsewhere.test(name)) return true;
  if (name.includes("*")) {
    const pattern = new RegExp(`(^|/)${name.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`);
    return files.some((path) => pattern.test(path));
  }
  return names.has(name) || (ownFolder.test(name) && folders.has(name.replace(/\/$/, "")));
}

for (const { path, spans } of documents) {
  test(`the files that ${path} names`, () => {
    const named = spans
      .flatMap((span) => span.split(" "))
      .filter((word) => fileName.test(word) || ownFolder.test(word));
    assert.deepEqual(
      named.filter((name) => !isThere(name) && !isThere(posix.join(posix.dirname(path), name))),
      [],
    );
  });
}

/** In comments of TypeScript: `see sweep.ts`, `src/fleet/lifecycle.ts`. */
const namedInComment = /(?<![\w./@-])[\w@-]+(?:[./][\w@-]+)*\.(?:ts|tsx|mjs|md|txt)(?![\w-])/g;

test("the files that comments name", () => {
  const sources = files.filter((path) => /^(src|test|bench)\/.*\.(ts|tsx|mjs)$/.test(path));
  const missing = sources.flatMap((path) =>
    commentsOf(read(path))
      .flatMap((comment) => comment.match(namedInComment) ?? [])
      .filter((name) => !isThere(name))
      .map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(missing, []);
});

function commentsOf(source: string): string[] {
  return source.match(/(?<=^\s*)(\/\/|\*|\/\*\*).*$/gm) ?? [];
}

test("what is not there is found", () => {
  assert.equal(isThere("src/fleet/no-such-file.ts"), false);
  assert.equal(isThere("ownership.ts"), true);
  assert.equal(isThere("lotus/ownership.ts"), false);
  assert.deepEqual(commentsOf("// see gone.ts\nconst a = 1;"), ["// see gone.ts"]);
});
