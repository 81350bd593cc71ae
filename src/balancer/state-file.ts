// The desired state on disk: which replicas there should be, by name, seat and weight. A file that is there is whole:
// it is written beside its place, synced, renamed over the old one, and the folder is synced too (rename(2), fsync(2)).
// A file of another version, or a damaged one, is refused in words and never written over.
import { existsSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { RoundhouseError } from "../errors.ts";
import { spreadsMax } from "./policies/steering.ts";

/** The version that is written, and the only one that is read. */
const version = 1;

const replicaSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/),
  seat: z.int().min(1).max(65_535),
  /** Only when it was changed at run time: else the configuration's holds. */
  weight: z.number().positive().optional(),
  /** Only when it is not the fleet's: a roll-out is under way. */
  revision: z.int().min(1).optional(),
});

/** What replicas run, where it is not what the configuration says. */
const programSchema = z.strictObject({
  image: z.string().optional(),
  command: z.array(z.string()).min(1).optional(),
});

const revisionSchema = z.strictObject({ number: z.int().min(1), program: programSchema });

/** See `StoredRevisions` in fleet/revision.ts. */
const revisionsSchema = z.strictObject({
  /** What the configuration said about the program when this was written. */
  configured: programSchema,
  revision: revisionSchema,
  lastRevision: z.int().min(1),
  /** The roll-out under way; it goes on after a restart. */
  rollout: z
    .strictObject({
      to: revisionSchema,
      plan: z.strictObject({
        batch: z.int().min(1),
        settleMs: z.number().min(0),
        deadlineMs: z.number().min(0),
      }),
      phase: z.enum(["forward", "back"]),
      reason: z.string(),
      startedMs: z.number(),
    })
    .nullable(),
});

/** What an operator has switched while requests ran; see policies/steering.ts. */
const steeringSchema = z.strictObject({
  loadFactor: z.number().gt(1).nullable(),
  spreads: z
    .array(z.strictObject({ key: z.union([z.string(), z.int().min(0)]), over: z.int().min(2) }))
    .max(spreadsMax),
});

/** A later field is optional, so that files written before it are still read. */
const stateSchema = z.strictObject({
  format: z.literal("roundhouse-state"),
  version: z.literal(version),
  /** What the configuration said about the number of replicas when this was written. */
  replicasConfigured: z.int().min(0),
  /** In the order of joining. */
  replicas: z.array(replicaSchema),
  /** Only when it is not what the configuration says. */
  steering: steeringSchema.optional(),
  /** Only once there has been a roll-out. */
  revisions: revisionsSchema.optional(),
});

export type StoredState = Omit<z.infer<typeof stateSchema>, "format" | "version">;

/** Null when there is no such file yet. Throws BAD_CONFIG, in words with what to do. */
export function readStateFile(path: string): StoredState | null {
  if (!existsSync(path)) return null;
  try {
    return readState(path, readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof RoundhouseError) throw cause;
    throw unusable(path, (cause as Error).message);
  }
}

/** What such a text says. Throws BAD_CONFIG. */
export function readState(path: string, text: string): StoredState {
  const value = parse(path, text);
  const seen = (value as { version?: unknown } | null)?.version;
  if (seen !== undefined && seen !== version) {
    const which = `it has version ${JSON.stringify(seen)}, and this program reads version ${version}`;
    throw unusable(path, `${which}; use the program that wrote it, or name another file`);
  }
  const parsed = stateSchema.safeParse(value);
  if (!parsed.success) throw damaged(path, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const { format: _, version: __, ...state } = parsed.data;
  for (const what of ["name", "seat"] as const) {
    const { replicas } = state;
    const twice = replicas.find((each, at) => replicas.findIndex((other) => other[what] === each[what]) < at);
    if (twice !== undefined) throw damaged(path, `the ${what} ${twice[what]} occurs twice`);
  }
  return state;
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(path, (cause as Error).message);
  }
}

function damaged(path: string, how: string): RoundhouseError {
  return unusable(
    path,
    `it is damaged (${how}); move it away to start from the configuration, or put a good copy in its place`,
  );
}

function unusable(path: string, why: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", `Cannot use the state file ${path}: ${why}`);
}

/** The text of the file. */
export function stateText(state: StoredState): string {
  return `${JSON.stringify({ format: "roundhouse-state", version, ...state }, null, 2)}\n`;
}

/** On disk when it resolves. Rejects with the system's error; the old file is still there then. */
export async function writeStateFile(path: string, text: string): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
