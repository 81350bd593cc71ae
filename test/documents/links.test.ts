// Every link of a document leads to a file that is there, and to a heading that it has.
import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { documents, files } from "./markdown.ts";

const anchorsOf = new Map(documents.map(({ path, anchors }) => [path, anchors]));
const folders = new Set(files.flatMap((path) => [posix.dirname(path), posix.dirname(posix.dirname(path))]));

/** Why it leads nowhere; null: it does not. */
function problemOf(from: string, link: string): string | null {
  const [target = "", anchor] = link.split("#");
  const path = target === "" ? from : posix.join(posix.dirname(from), target);
  if (!files.includes(path) && !folders.has(path)) return `${link}: there is no ${path}`;
  const isThere = anchor === undefined || anchorsOf.get(path)?.has(anchor) === true;
  return isThere ? null : `${link}: ${path} has no such heading`;
}

for (const { path, prose } of documents) {
  test(`the links of ${path}`, () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const inside = links.filter((link) => !/^https?:/.test(link));
    assert.deepEqual(
      inside.flatMap((link) => problemOf(path, link) ?? []),
      [],
    );
  });
}

test("what leads nowhere is found", () => {
  assert.match(problemOf("docs/queue.md", "quue.md") ?? "", /there is no docs\/quue\.md/);
  assert.match(problemOf("docs/queue.md", "#no-such-heading") ?? "", /no such heading/);
  assert.equal(problemOf("README.md", "docs/experiments"), null);
});
