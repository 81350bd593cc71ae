// `roundhouse rollout [status|abort]` and `roundhouse restart`: replicas changed over to another program, or to new
// runs of the same one, while they serve.
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import type { RestartReport } from "../balancer/rollout-api.ts";
import { RoundhouseError } from "../errors.ts";
import { programText, type RolloutReport } from "../fleet/revision.ts";
import { print } from "./output.ts";
import { ask, type RemoteFlags, urlOf, withRemoteFlags } from "./remote.ts";
import { usage, wholeNumber } from "./usage.ts";

interface RolloutFlags extends RemoteFlags {
  readonly image?: string;
  readonly batch?: string;
  readonly settleMs?: string;
  readonly deadlineMs?: string;
  readonly wait: boolean;
}

const rolloutHelp = `
Seats are changed over a few at a time: a new replica starts, becomes healthy and stays so, takes the seat, and the old
one drains. When a new one fails, the roll-out goes back by itself. Naming a program takes the bearer token.

Examples:
  roundhouse rollout --image web:2             another image
  roundhouse rollout -- node server-2.js       another command
  roundhouse rollout                           the same program, started anew
  roundhouse rollout status                    how far it is
  roundhouse rollout abort                     back to what there was`;

/** From one look at a roll-out to the next, in ms. */
const lookEveryMs = 200;

/** Adds the commands to the program. */
export function addRolloutCommands(program: Command): void {
  const rollout = withAdminFlags(program.command("rollout"))
    .description("change the replicas over to another program while they serve; back by itself when it fails")
    .argument("[command...]", "the server to run, after --; default: the one that runs")
    .option("--image <name>", "the image to run")
    .option("--batch <count>", "seats at a time (default: a quarter of them, at least 1)")
    .option(
      "--settle-ms <ms>",
      "so long a new replica stays healthy, before its seat and on it (default 1000)",
    )
    .option("--deadline-ms <ms>", "for a new replica to become healthy (default: --start-deadline-ms)")
    .option("--no-wait", "do not wait for its end")
    .addHelpText("after", rolloutHelp)
    .action(async (command: string[], flags: RolloutFlags) => rollOut(command, flags));
  rollout
    .command("status")
    .description("how far the roll-out is, or what came of the last one")
    .action(async (_: unknown, command: Command) => {
      const flags: RemoteFlags = command.optsWithGlobals();
      print(textOf((await ask(flags, rolloutUrl(flags))) as RolloutReport, flags));
    });
  rollout
    .command("abort")
    .description("send the roll-out under way back")
    .action(async (_: unknown, command: Command) => {
      const flags: RemoteFlags = command.optsWithGlobals();
      print(textOf((await ask(flags, rolloutUrl(flags), { method: "DELETE" })) as RolloutReport, flags));
    });
  withAdminFlags(program.command("restart"))
    .description(
      "replace one replica by a new run of the same program: healthy first, then the old one drains",
    )
    .argument("<replica>", "its name")
    .addHelpText("after", "\nExample: roundhouse restart S2")
    .action(async (name: string, flags: RemoteFlags) => print(await restart(name, flags)));
}

function withAdminFlags(command: Command): Command {
  return withRemoteFlags(command).option("--admin <url>", "its admin listener", "http://127.0.0.1:5010");
}

async function rollOut(command: readonly string[], flags: RolloutFlags): Promise<void> {
  refuseLooseWords(command, process.argv);
  const { image } = flags;
  const body = {
    ...(image === undefined ? {} : { image }),
    ...(command.length === 0 ? {} : { command }),
    ...numberAs("batch", "--batch", flags.batch),
    ...numberAs("settleMs", "--settle-ms", flags.settleMs),
    ...numberAs("deadlineMs", "--deadline-ms", flags.deadlineMs),
  };
  const begun = (await ask(flags, rolloutUrl(flags), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })) as RolloutReport;
  if (!flags.wait) return print(textOf(begun, flags));
  const ended = await followed(begun, flags);
  if (ended.state === "complete") return;
  throw new RoundhouseError("START_FAILED", `The roll-out was rolled back: ${ended.reason}`);
}

/** A word before `--` is a mistyped `status`, or an image, sooner than a program to run everywhere. */
function refuseLooseWords(command: readonly string[], argv: readonly string[]): void {
  const dashes = argv.indexOf("--");
  const behind = dashes === -1 ? 0 : argv.length - dashes - 1;
  if (command.length <= behind) return;
  const [word] = command;
  throw usage(
    `rollout does not know "${word}"; accepted: status, abort, --image ${word}, or a program after --: roundhouse rollout -- ${word}`,
  );
}

function numberAs(name: string, flag: string, text: string | undefined): object {
  return text === undefined ? {} : { [name]: wholeNumber(flag, text) };
}

/** Prints each step; resolves when there is no further one. */
async function followed(begun: RolloutReport, flags: RemoteFlags): Promise<RolloutReport> {
  let [report, printed] = [begun, ""];
  for (;;) {
    const text = textOf(report, flags);
    if (text !== printed) print(text);
    printed = text;
    // Somebody else's roll-out may follow ours before we look again.
    const isOurs = report.next?.number === begun.next?.number;
    if (!isOurs || report.endedMs !== null) return report;
    await setTimeout(lookEveryMs);
    report = (await ask(flags, rolloutUrl(flags))) as RolloutReport;
  }
}

function textOf(report: RolloutReport, { json }: RemoteFlags): string {
  if (json) return JSON.stringify(report);
  const { state, current, next, seats, done, reason, startedMs, endedMs } = report;
  if (next === null)
    return `There was no roll-out; revision ${current.number}: ${programText(current.program)}`;
  const what = `revision ${next.number} (${programText(next.program)})`;
  const took = startedMs === null || endedMs === null ? "" : ` after ${endedMs - startedMs} ms`;
  if (state === "forward") return `rolling out ${what}: ${done} of ${seats} seats`;
  if (state === "back") return `rolling back ${what}: ${done} of ${seats} seats; ${reason}`;
  if (state === "complete") return `${what} is rolled out to ${seats} seats${took}`;
  return `${what} was rolled back${took}: ${reason}`;
}

async function restart(name: string, flags: RemoteFlags): Promise<string> {
  const url = urlOf("--admin", flags.admin, `/api/v1/replicas/${encodeURIComponent(name)}/restart`);
  const report = (await ask(flags, url, { method: "POST" })) as RestartReport;
  return flags.json ? JSON.stringify(report) : `${report.replacedBy} has taken the seat of ${report.name}`;
}

function rolloutUrl(flags: RemoteFlags): URL {
  return urlOf("--admin", flags.admin, "/api/v1/rollout");
}
