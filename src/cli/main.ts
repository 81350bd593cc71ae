#!/usr/bin/env node
// The process `roundhouse`: parse, call, and say by the exit code how it went. The commands are in program.ts.
import { CommanderError } from "commander";
import { RoundhouseError } from "../errors.ts";
import { letHeapGrow } from "../heap-growth.ts";
import { exitCode } from "./exit-code.ts";
import { program } from "./program.ts";

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  if (error instanceof RangeError) return exitCode.usage;
  if (!(error instanceof RoundhouseError)) return exitCode.failed;
  if (error.code === "BAD_CONFIG") return exitCode.usage;
  return error.code === "UNREACHABLE" ? exitCode.unreachable : exitCode.failed;
}

/** commander has printed its own errors; ours are one message each; anything else is a bug and shows its stack. */
function report(error: unknown): void {
  if (error instanceof CommanderError) return;
  const expected = error instanceof RoundhouseError || error instanceof RangeError;
  const text = expected ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`roundhouse: ${text}\n`);
}

letHeapGrow();
try {
  await program().parseAsync();
} catch (error) {
  report(error);
  process.exitCode = exitCodeOf(error);
}
