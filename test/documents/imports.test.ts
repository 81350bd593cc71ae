// The table of folders in ARCHITECTURE.md is true: each folder below src imports those that its row names and no others,
// and all of them stand above it.
import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import { documents, files, read } from "./markdown.ts";

const table = documents.find(({ path }) => path === "ARCHITECTURE.md")?.prose ?? "";
const rows = [...table.matchAll(/^\| `src\/(\w+)\/` \|.*\| ([^|]*)\|$/gm)].map(
  ([, folder = "", imports = ""]) => ({
    folder,
    named: [...imports.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? "").sort(),
  }),
);

/** The folder below src that a source's relative import leads to; null: one file in src itself, or somebody else's. */
function folderOf(path: string, specifier: string): string | null {
  const [, folder] = /^src\/(\w+)\//.exec(posix.join(posix.dirname(path), specifier)) ?? [];
  return folder ?? null;
}

function importsOf(folder: string): string[] {
  const sources = files.filter(
    (path) => path.startsWith(`src/${folder}/`) && /(?<!\.test)\.tsx?$/.test(path),
  );
  const found = sources.flatMap((path) =>
    [...read(path).matchAll(/(?:from|import\() ?"(\.[^"]+)"/g)].map(([, specifier = ""]) =>
      folderOf(path, specifier),
    ),
  );
  return [...new Set(found)].filter((name) => name !== null && name !== folder).sort() as string[];
}

test("every folder below src has its row", () => {
  const folders = new Set(files.flatMap((path) => /^src\/(\w+)\//.exec(path)?.[1] ?? []));
  assert.deepEqual(rows.map(({ folder }) => folder).sort(), [...folders].sort());
});

for (const [index, { folder, named }] of rows.entries()) {
  test(`src/${folder} imports what its row names, and only from above`, () => {
    assert.deepEqual(importsOf(folder), named);
    const above = rows.slice(0, index).map((row) => row.folder);
    assert.deepEqual(
      named.filter((name) => !above.includes(name)),
      [],
    );
  });
}
