// Makes the page's files: one script, one style sheet, and what is copied, each also packed with gzip.
//
//   node src/dashboard/build.mjs        into dist/dashboard/
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const from = (name) => fileURLToPath(new URL(name, import.meta.url));
const to = (name) => fileURLToPath(new URL(`../../dist/dashboard/${name}`, import.meta.url));

await mkdir(to(""), { recursive: true });
await build({
  entryPoints: [
    { in: from("main.tsx"), out: "page" },
    { in: from("page.css"), out: "page" },
  ],
  outdir: to(""),
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
for (const name of ["preact", "uplot"])
  await copyFile(from(`../../node_modules/${name}/LICENSE`), to(`${name}.LICENSE`));
for (const name of ["index.html", "icon.svg"]) await copyFile(from(name), to(name));
for (const name of ["index.html", "icon.svg", "page.js", "page.css"]) {
  await writeFile(to(`${name}.gz`), gzipSync(await readFile(to(name)), { level: 9 }));
}
