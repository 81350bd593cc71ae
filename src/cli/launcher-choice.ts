// Which launcher the configuration asks for, and whether what belongs to it is there, and nothing that belongs to another.
import { fileURLToPath } from "node:url";
import type { Config } from "../balancer/config.ts";
import { replicasAskedFor } from "../balancer/fleet-options.ts";
import { RoundhouseError } from "../errors.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { EngineLauncherOptions } from "../fleet/launchers/docker/engine-launcher.ts";
import { readEnvFile } from "../fleet/launchers/env-file.ts";
import { createProcessLauncher } from "../fleet/launchers/process.ts";
import { createStaticLauncher, parseUpstream } from "../fleet/launchers/static.ts";
import type { OwnedLog } from "../telemetry/log.ts";

/** Rejects with BAD_CONFIG, or as the launcher does. */
export async function launcherFor(config: Config, log: OwnedLog): Promise<Launcher> {
  const kind = config.launcher ?? (config.upstreams === undefined ? "process" : "static");
  if (kind !== "docker" && kind !== "swarm") refuseContainerOptions(config, kind);
  if (kind === "static") return staticLauncher(config);
  if (config.upstreams !== undefined)
    throw wrong(
      `--upstream names servers that run already, and --launcher ${kind} starts its own; leave one out`,
    );
  return kind === "process" ? processLauncher(config, log) : containerLauncher(kind, config, log);
}

function processLauncher(config: Config, log: OwnedLog): Launcher {
  const [program, ...words] = config.command ?? builtInReplica();
  return createProcessLauncher({
    command: [program as string, ...words],
    log,
    env: environment(config),
    ...(config.logFile === undefined ? {} : { logFile: config.logFile }),
  });
}

/** What speaks to Docker is loaded only here. */
async function containerLauncher(kind: "docker" | "swarm", config: Config, log: OwnedLog): Promise<Launcher> {
  const { image, network, command, logFile, container = {} } = config;
  if (image === undefined)
    throw wrong(`--launcher ${kind} needs to know what its containers are made of: --image NAME`);
  const { onExit = "stop", memory, ...rest } = container;
  const options: EngineLauncherOptions = {
    ...rest,
    image,
    network,
    command,
    log,
    logFile,
    env: environment(config),
    memoryBytesMax: memory === undefined ? undefined : bytesOf(memory),
    fleet: config.fleet ?? "roundhouse",
    replicaCount: replicasAskedFor(config),
    drainMs: config.drainMs ?? 10_000,
    onExit,
  };
  if (kind === "docker")
    return (await import("../fleet/launchers/docker/launcher.ts")).createDockerLauncher(options);
  return (await import("../fleet/launchers/swarm/launcher.ts")).createSwarmLauncher(options);
}

function environment({ envFile }: Config): Record<string, string | undefined> {
  return envFile === undefined ? {} : readEnvFile(envFile);
}

const unitBytes: Readonly<Record<string, number>> = { k: 1_024, m: 1_024 ** 2, g: 1_024 ** 3 };

/** `512m` as Docker reads it: 512 MiB. */
function bytesOf(size: number | string): number {
  const [, number, unit = ""] = /^([\d.]+)([kmg])?b?$/i.exec(String(size)) ?? [];
  return Math.round(Number(number) * (unitBytes[unit.toLowerCase()] ?? 1));
}

function staticLauncher({ upstreams, command }: Config): Launcher {
  if (upstreams === undefined)
    throw wrong("--launcher static needs at least one server: --upstream host:port (repeatable)");
  if (command !== undefined)
    throw wrong(
      "a command to run and --upstream exclude each other: static servers are run by somebody else",
    );
  return createStaticLauncher(upstreams.map(parseUpstream));
}

function builtInReplica(): string[] {
  return [process.execPath, fileURLToPath(new URL("../replica/main.js", import.meta.url))];
}

/** An option without effect would be believed. */
function refuseContainerOptions({ image, network, fleet, container }: Config, kind: string): void {
  const given = Object.entries({
    "--image": image,
    "--network": network,
    "--fleet": fleet,
    "an option of containers": container,
  }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw wrong(
    `${given[0]} is for --launcher docker or swarm, and the launcher is ${kind}; add one, or leave it out`,
  );
}

function wrong(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}
