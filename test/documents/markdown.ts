// The project's own files and documents, as the tests of this folder read them: what a document says in code, what it
// links to, and which headings it has. It knows as much of Markdown as these documents use.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const folders = [".ci", "assets", "bench", "deploy", "docs", "src", "test"];

/** Every file of the repository that people write, as a path from its root. */
export const files: readonly string[] = [
  ...namesIn(".").filter((name) => !name.endsWith("/")),
  ...folders.flatMap((folder) => below(folder)),
];

export const read = (path: string): string => readFileSync(join(root, path), "utf8");

export interface Document {
  readonly path: string;
  /** Without fenced blocks. */
  readonly prose: string;
  /** Between backticks, in the prose. */
  readonly spans: readonly string[];
  /** Of the fenced blocks, and of those that are indented; what ends with a backslash is one with the next. */
  readonly codeLines: readonly string[];
  /** What `#anchor` may name, as GitHub makes it of the headings. */
  readonly anchors: ReadonlySet<string>;
}

/** Reports of experiments and benchmarks are written by programs and speak of their own day. */
export const documents: readonly Document[] = files
  .filter((path) => path.endsWith(".md") && !/^(docs\/experiments|bench\/results)\//.test(path))
  .map(documentAt);

function documentAt(path: string): Document {
  const text = read(path);
  const fences = /^```.*\n([\s\S]*?)^```$/gm;
  const prose = text.replaceAll(fences, "");
  const blocks = [...text.matchAll(fences)].map(([, code = ""]) => code);
  const indented = prose.match(/^ {4}\S.*(\n {4}.*)*/gm) ?? [];
  return {
    path,
    prose,
    spans: [...prose.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span.replaceAll(/\s+/g, " ")),
    codeLines: [...blocks, ...indented].join("\n").replaceAll("\\\n", " ").split("\n"),
    anchors: new Set([...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading))),
  };
}

function anchorOf(heading: string): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "");
  return plain.trim().replaceAll(" ", "-");
}

function below(folder: string): string[] {
  return namesIn(folder).flatMap((name) =>
    name.endsWith("/") ? below(`${folder}/${name.slice(0, -1)}`) : [`${folder}/${name}`],
  );
}

/** Folders with a slash behind. */
function namesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => name !== "node_modules")
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
}
