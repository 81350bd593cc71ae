// The env file: `NAME=value` lines for the replicas' environment, in the format that Node's own --env-file reads.
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { RoundhouseError } from "../../errors.ts";

/** Throws BAD_CONFIG when the file cannot be read. */
export function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new RoundhouseError(
      "BAD_CONFIG",
      `Cannot read the env file ${JSON.stringify(path)} (${why}): give the path of a file with NAME=value lines`,
      { cause: error },
    );
  }
}
