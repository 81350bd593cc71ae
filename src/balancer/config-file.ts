// Finds and loads the config file: TypeScript, JavaScript or JSON, on Node 20 too. What it may say is config.ts.
import { existsSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RoundhouseError } from "../errors.ts";
import type { Config } from "./config.ts";
import { parseConfig } from "./config-check.ts";

/** Looked for in the working directory, in this order, when no file is named. */
const defaultNames = ["roundhouse.config.ts", "roundhouse.config.js", "roundhouse.config.json"];

/** A configuration and the file it came from. */
export interface LoadedConfig {
  /** Absolute path; undefined when there is no file. */
  readonly file: string | undefined;
  readonly config: Config;
}

/**
 * Loads the named file, or the default one of the directory, or nothing.
 * Throws RoundhouseError BAD_CONFIG: missing, unreadable, throwing while loaded, no default export, wrong options.
 */
export async function loadConfigFile(named: string | undefined, directory: string): Promise<LoadedConfig> {
  const file = named === undefined ? defaultFileIn(directory) : resolve(directory, named);
  if (file === undefined) return { file, config: {} };
  if (!existsSync(file)) throw badFile(file, "there is no such file; check the path given to --config");
  const value = file.endsWith(".json") ? readJson(file) : await importModule(file);
  return { file, config: parseConfig(value, basename(file)) };
}

function defaultFileIn(directory: string): string | undefined {
  return defaultNames.map((name) => resolve(directory, name)).find(existsSync);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw badFile(file, `it is not valid JSON: ${(cause as Error).message}`, cause);
  }
}

/**
 * jiti compiles TypeScript without a build step, and Node 20 cannot. The alias lets a file import `roundhouse-lb`
 * where the package is installed globally and not beside it.
 */
async function importModule(file: string): Promise<unknown> {
  const { createJiti } = await import("jiti");
  const ownEntry = fileURLToPath(new URL("../index.js", import.meta.url));
  const alias = existsSync(ownEntry) ? { "roundhouse-lb": ownEntry } : {};
  const jiti = createJiti(import.meta.url, {
    moduleCache: false,
    fsCache: false,
    interopDefault: false,
    alias,
  });
  let module: { default?: unknown };
  try {
    module = await jiti.import(file);
  } catch (cause) {
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw badFile(file, `it threw while being loaded: ${message}`, cause);
  }
  if (module.default === undefined)
    throw badFile(file, "it has no default export; write `export default defineConfig({ … })`");
  return module.default;
}

function badFile(file: string, what: string, cause?: unknown): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", `Cannot use the config file ${file}: ${what}`, {
    source: "downstream",
    cause,
  });
}
