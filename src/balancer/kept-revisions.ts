// What replicas run, over restarts: what a roll-out brought stays, until the configuration itself names another program.
// A roll-out that was under way goes on.
import { isDeepStrictEqual } from "node:util";
import type { Program } from "../fleet/launcher.ts";
import { firstRevision, type StoredRevisions } from "../fleet/revision.ts";
import type { Config } from "./config.ts";
import type { StoredState } from "./state-file.ts";

type Kept = NonNullable<StoredState["revisions"]>;

/** What the configuration says about the program. */
export function programConfigured({ image, command }: Config): Program {
  return { ...(image === undefined ? {} : { image }), ...(command === undefined ? {} : { command }) };
}

/** Undefined when there has been no roll-out: then there is nothing that the configuration does not say. */
export function revisionsToKeep(config: Config, revisions: StoredRevisions): Kept | undefined {
  if (revisions.lastRevision === firstRevision.number) return undefined;
  return { configured: programConfigured(config), ...revisions } as Kept;
}

/** What to start with. A number is never used for two programs. */
export function revisionsToStart(config: Config, stored: StoredState): StoredRevisions | undefined {
  if (stored.revisions === undefined) return undefined;
  const { configured, ...revisions } = stored.revisions;
  if (isDeepStrictEqual(configured, programConfigured(config))) return revisions as StoredRevisions;
  const number = revisions.lastRevision + 1;
  return { revision: { number, program: {} }, lastRevision: number, rollout: null };
}
