// Carries out a reload: reads the configuration anew, checks it whole, and applies it whole or not at all. What may be
// changed is in reload.ts.
import { isDeepStrictEqual } from "node:util";
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import type { ChangeQueue } from "./change-queue.ts";
import type { Config } from "./config.ts";
import type { DesiredState } from "./desired-state.ts";
import { fleetOptions } from "./fleet-options.ts";
import type { KeyErrors } from "./key-errors.ts";
import { type FrontDoorSettings, settleOptions } from "./options.ts";
import { changedOptions } from "./reload.ts";

/** What a front door runs by; a reload replaces `config` and `settings`. */
export interface Running {
  config: Config;
  settings: FrontDoorSettings;
  readonly fleet: Fleet;
  readonly launcher: Launcher;
  readonly log: OwnedLog;
  readonly keyErrors: KeyErrors;
  readonly state: DesiredState;
  /** Where changes of the fleet wait for their turn. */
  readonly inTurn: ChangeQueue;
  /** The config file's path; undefined: there is none. */
  readonly configFile?: string | undefined;
  /** Config file and command line, read again. Rejects with BAD_CONFIG. */
  readonly readConfig: () => Promise<Config>;
}

/** `POST /api/v1/reload`. */
export interface ReloadReport {
  /** The options that were changed, such as `limits.headBytesMax`. */
  readonly changed: readonly string[];
}

export interface ReloadSteps {
  readonly closing: () => boolean;
  /** Takes the settings over to where requests are served. */
  readonly reconfigure: (settings: FrontDoorSettings) => Promise<void>;
}

/** Reloads are carried out one after another. Each rejects with BAD_CONFIG or another refusal, and has changed nothing. */
export function createReload(running: Running, steps: ReloadSteps): () => Promise<ReloadReport> {
  let queue: Promise<unknown> = Promise.resolve();
  return () => {
    const mine = queue.then(() => reload(running, steps));
    queue = mine.catch(() => {});
    return mine;
  };
}

async function reload(running: Running, { closing, reconfigure }: ReloadSteps): Promise<ReloadReport> {
  const { log, keyErrors } = running;
  if (closing()) throw new RoundhouseError("SHUTTING_DOWN", "The front door is shutting down");
  const config = await running.readConfig();
  const changed = changedOptions(withProgramOf(running, config), config);
  const settings = settleOptions(config, keyErrors.note);
  // Where autoscale keeps the count and the configuration names none, it goes on from what there is.
  const resized = config.replicas !== undefined || config.autoscale === undefined;
  await applyToFleet(running, config, resized && changed.includes("replicas"));
  running.config = config;
  running.settings = settings;
  await reconfigure(settings);
  log.setLevel(config.log?.level ?? "info");
  await running.state.save();
  const what = changed.length === 0 ? "nothing has changed" : changed.join(", ");
  log.info({ event: "reload", changed }, `Configuration reloaded: ${what}`);
  return { changed };
}

/** A file that has come to say what a roll-out has brought already says nothing new. */
function withProgramOf({ config, fleet }: Running, next: Config): Config {
  const { program } = fleet.revisions().revision;
  const agreed = (["image", "command"] as const).filter(
    (part) => program[part] !== undefined && isDeepStrictEqual(program[part], next[part]),
  );
  return { ...config, ...Object.fromEntries(agreed.map((part) => [part, next[part]])) };
}

/** Growing may fail, and then the fleet has its old settings again. */
async function applyToFleet(running: Running, config: Config, resize: boolean): Promise<void> {
  const { fleet, settings } = running;
  const before = fleetOptions(running.config, settings.ringCapacity, running);
  const after = fleetOptions(config, settings.ringCapacity, running);
  fleet.reconfigure(after);
  if (!resize) return;
  try {
    await running.inTurn(() => resizeTo(fleet, after.replicaCount));
  } catch (error) {
    fleet.reconfigure(before);
    if (!(error instanceof RoundhouseError)) throw error;
    const { source, retryable } = error;
    const words = `Nothing was changed: ${error.message}`;
    throw new RoundhouseError(error.code, words, { source, retryable, cause: error });
  }
}

/** The youngest go first. */
async function resizeTo(fleet: Fleet, count: number): Promise<void> {
  const now = fleet.desired();
  if (now.length < count) await fleet.add(count - now.length, []);
  const extra = now.slice(count).map(({ name }) => name);
  if (extra.length > 0) await fleet.remove(extra.length, extra);
}
