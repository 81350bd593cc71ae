// What `roundhouse up` shows first on a terminal.
import type { Config } from "../balancer/config.ts";
import type { FrontDoor } from "../balancer/front-door.ts";

/** A few lines with the addresses and what to try; the log follows below. */
export function startScreen(door: FrontDoor, config: Config, configFile: string | undefined): string {
  const scheme = door.port === door.tlsPort ? "https" : "http";
  const url = `${scheme}://${hostInUrl(door.host)}:${door.port}`;
  const both = door.tlsPort !== null && door.tlsPort !== door.port;
  const rows: [string, string][] = [
    ["front door", both ? `${url}  https://${hostInUrl(door.host)}:${door.tlsPort}` : url],
    [
      "admin",
      door.admin === null
        ? "off"
        : `http://${hostInUrl(door.admin.host)}:${door.admin.port}/  the dashboard; /metrics /healthz /readyz`,
    ],
    ["replicas", replicasText(config)],
    ...queueRows(door),
    [
      "routing",
      `${config.hash ?? "rendezvous"}, key ${typeof config.key === "function" ? "by your function" : (config.key ?? "random")}`,
    ],
    ...(configFile === undefined ? [] : [["config", configFile] as [string, string]]),
  ];
  const lines = rows.map(([name, value]) => `  ${dim(name.padEnd(11))} ${value}`);
  return `\n  ${bold("Roundhouse")}\n\n${lines.join("\n")}\n\n  ${dim("Try")}         curl ${url}/rep\n              Ctrl-C drains and stops; a second Ctrl-C stops at once\n\n`;
}

function queueRows({ queue, host }: FrontDoor): [string, string][] {
  if (queue === null) return [];
  const at = (port: number | null) => (port === null ? "off" : `http://${hostInUrl(host)}:${port}`);
  return [["queue", `${at(queue.queue)}, for consumers ${at(queue.read)}`]];
}

function replicasText(config: Config): string {
  if (config.upstreams !== undefined) return config.upstreams.join("  ");
  const command = config.command?.join(" ") ?? config.image ?? "the built-in server";
  return `${config.replicas ?? 3} × ${command}${config.warm ? `, ${config.warm} warm` : ""}`;
}

const hostInUrl = (host: string) => (host.includes(":") ? `[${host}]` : host);
const coloured = () => process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const bold = (text: string) => (coloured() ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text: string) => (coloured() ? `\x1b[2m${text}\x1b[0m` : text);
