// A chart as PNG: SVG drawn by resvg (WebAssembly, so no machine's own libraries or fonts matter) with the fonts that
// come with the package. The same chart gives the same bytes everywhere.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

let ready: Promise<Uint8Array[]> | null = null;

/** Pixels per unit of the SVG: legible on fine screens and in print. */
const scale = 2;

export async function toPng(svg: string): Promise<Uint8Array> {
  ready ??= load();
  const fontBuffers = await ready;
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: { fontBuffers, defaultFontFamily: "DejaVu Sans", sansSerifFamily: "DejaVu Sans" },
  }).render();
  const bytes = image.asPng();
  image.free();
  return bytes;
}

async function load(): Promise<Uint8Array[]> {
  const wasm = createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm");
  await initWasm(await readFile(wasm));
  // The same distance from src/charts/ and from dist/charts/.
  const font = (name: string) =>
    readFile(fileURLToPath(new URL(`../../assets/fonts/${name}`, import.meta.url)));
  return Promise.all([font("DejaVuSans.ttf"), font("DejaVuSans-Bold.ttf")]);
}
