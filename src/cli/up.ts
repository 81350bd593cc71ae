// `roundhouse up`: joins config file and flags, opens the front door, and stops it on a signal.
import type { Config } from "../balancer/config.ts";
import { parseConfig } from "../balancer/config-check.ts";
import { loadConfigFile } from "../balancer/config-file.ts";
import { createFrontDoor } from "../balancer/front-door.ts";
import { openLog } from "../balancer/open-log.ts";
import { launcherFor } from "./launcher-choice.ts";
import { obeySignals, reopenOnSignal } from "./signals.ts";
import { startScreen } from "./start-screen.ts";
import { configFromFlags, flagNameOf } from "./up-options.ts";

/** Resolves when everything has stopped; rejects with RoundhouseError when it could not start. */
export async function up(
  command: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<void> {
  const readConfig = () => settledConfig(command, flags);
  const { file, config } = await readConfig();
  const log = openLog(config);
  const launcher = await launcherFor(config, log);
  const door = await createFrontDoor(config, {
    log,
    launcher,
    configFile: file,
    readConfig: async () => (await readConfig()).config,
  });
  reopenOnSignal(log, () => {
    door.reopenLog();
    launcher.reopenLog?.();
  });
  log.info(
    {
      event: "up",
      host: door.host,
      port: door.port,
      tlsPort: door.tlsPort,
      admin: door.admin,
      queue: door.queue,
      config: file,
    },
    "Front door open",
  );
  if (process.stdout.isTTY) process.stdout.write(startScreen(door, config, file));
  await obeySignals(door, log, onTerminal() ? undefined : door.reload);
  await log.flush().catch(() => {});
}

/** Flags win over the file, the file over the defaults; ROUNDHOUSE_TOKEN stands in for --token. */
async function settledConfig(
  command: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<{ file: string | undefined; config: Config }> {
  const { file, config: fromFile } = await loadConfigFile(flags.config as string | undefined, process.cwd());
  const fromFlags = {
    ...configFromFlags(flags),
    ...(command.length === 0 ? {} : { command: [...command] }),
  };
  const checked = parseConfig(fromFlags, "the command line", flagNameOf);
  const token = process.env.ROUNDHOUSE_TOKEN;
  const config: Config = {
    lameDuckMs: onTerminal() ? 0 : 500,
    ...(token ? { token } : {}),
    ...merged(fromFile, checked),
  };
  return { file, config };
}

/** Somebody sits there: Ctrl-C shall not take long, and a hangup means that they left. */
function onTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY === true);
}

/** Groups of options (heartbeat, admin, log …) are merged option by option. */
function merged(base: Config, over: Config): Config {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return result as Config;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
