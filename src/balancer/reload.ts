// What a changed configuration asks for: which options differ, and whether all of them can be changed while requests
// are served. Pure. A change that needs a restart is refused, and the others with it: the front door runs by one
// configuration, never by half of each. Carrying it out is apply-config.ts.
import { isDeepStrictEqual } from "node:util";
import { RoundhouseError } from "../errors.ts";
import type { Config } from "./config.ts";

/**
 * Whether a change of the option is applied by a reload or needs a restart. Who adds an option decides here: `live`
 * means that FrontDoorSettings and the fleet's settings carry it to where it acts.
 */
const changeOf: Readonly<Record<keyof Config, "live" | "restart">> = {
  host: "restart",
  port: "restart",
  admin: "restart",
  replicas: "live",
  replicasMax: "live",
  warm: "live",
  autoscale: "live",
  launcher: "restart",
  image: "restart",
  network: "restart",
  fleet: "restart",
  container: "restart",
  command: "restart",
  upstreams: "restart",
  // Another ring would move nearly every key at once.
  policy: "restart",
  hash: "restart",
  slots: "restart",
  probing: "restart",
  requestHash: "restart",
  virtualNodeHash: "restart",
  key: "live",
  stickyCookie: "live",
  boundedLoad: "live",
  heartbeat: "live",
  ejection: "restart",
  breaker: "restart",
  retries: "live",
  slowStartMs: "restart",
  startDeadlineMs: "live",
  workers: "restart",
  state: "restart",
  lameDuckMs: "live",
  drainMs: "live",
  maxRssBytes: "live",
  envFile: "restart",
  logFile: "restart",
  control: "restart",
  allow: "live",
  token: "live",
  trustedProxies: "live",
  upstreamBatching: "live",
  headers: "live",
  limits: "live",
  log: "live",
  accessLog: "restart",
  // The files' contents are read anew by every reload.
  tls: "restart",
  queue: "restart",
};

/** Parts of a group that is live otherwise. */
const restartParts: readonly string[] = ["log.format", "limits.handshakeDeadlineMs"];

/** Paths of the options that differ, such as `limits.headBytesMax`. Throws BAD_CONFIG when one needs a restart. */
export function changedOptions(before: Config, after: Config): string[] {
  const changed = differences(before, after, "");
  const fixed = changed.filter((path) => needsRestart(path));
  if (fixed.length === 0) return changed;
  const others = changed.filter((path) => !fixed.includes(path));
  const rest =
    others.length === 0
      ? ""
      : `; ${others.join(", ")} would have been changed, and ${others.length === 1 ? "was" : "were"} not`;
  throw new RoundhouseError(
    "BAD_CONFIG",
    `Nothing was changed: ${fixed.join(", ")} cannot be changed while the front door runs; ${wayOut(fixed)}, or take the change back${rest}`,
    { source: "downstream" },
  );
}

/** Another program has a way of its own to come in: seat by seat, and back when it does not work. */
function wayOut(fixed: readonly string[]): string {
  if (!fixed.every((path) => path === "command" || path === "image")) return "restart it";
  const words = fixed.includes("image")
    ? "--image NAME` brings another image"
    : "-- COMMAND` brings another command";
  return `\`roundhouse rollout ${words} in; use it`;
}

function needsRestart(path: string): boolean {
  const [option = ""] = path.split(".");
  return changeOf[option as keyof Config] === "restart" || restartParts.includes(path);
}

function differences(before: object, after: object, prefix: string): string[] {
  const left = before as Record<string, unknown>;
  const right = after as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((name) => {
    const [was, is] = [left[name], right[name]];
    if (isGroup(was) || isGroup(is)) return differences(groupOr(was), groupOr(is), `${prefix}${name}.`);
    return isSame(was, is) ? [] : [prefix + name];
  });
}

function groupOr(value: unknown): object {
  return isGroup(value) ? value : {};
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A file that is loaded again makes new functions; those with the same text are taken for the same. */
function isSame(was: unknown, is: unknown): boolean {
  if (typeof was === "function" && typeof is === "function") return String(was) === String(is);
  return isDeepStrictEqual(was, is);
}
