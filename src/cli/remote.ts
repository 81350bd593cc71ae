// `roundhouse status|add|rm|reload`: commands to a front door that runs.
import type { Command } from "commander";
import type { AutoscaleReport } from "../balancer/autoscaler.ts";
import { RoundhouseError } from "../errors.ts";
import { autoscaleLines } from "./autoscale-lines.ts";
import { print, table } from "./output.ts";
import { usage, wholeNumber } from "./usage.ts";

export interface RemoteFlags {
  readonly url: string;
  readonly admin: string;
  readonly token?: string;
  readonly json?: true;
}

interface ReplicaStatus {
  readonly name: string;
  readonly state: string;
  readonly seat: number;
  readonly revision: number;
  readonly weight: number;
  readonly share: number | null;
  readonly address: string | null;
  readonly pid: number | null;
  readonly cpuPercent: number | null;
  readonly rssBytes: number | null;
  readonly sinceMs: number;
  readonly reason: string;
}

/** Adds `status`, `reload`, `add` and `rm` to the program. */
export function addRemoteCommands(program: Command): void {
  withRemoteFlags(program.command("status"))
    .description("the replicas of a running front door, their seats, shares and states")
    .option("--admin <url>", "its admin listener", "http://127.0.0.1:5010")
    .addHelpText("after", "\nExample: roundhouse status --json")
    .action(async (flags: RemoteFlags) => print(await statusText(flags)));
  withRemoteFlags(program.command("reload"))
    .description("have a running front door read its configuration again; all of it is applied, or nothing")
    .option("--admin <url>", "its admin listener", "http://127.0.0.1:5010")
    .option("--workers", "replace its worker processes too, the new ones first")
    .addHelpText("after", "\nExample: roundhouse reload")
    .action(async (flags: RemoteFlags & { workers?: true }) => print(await reload(flags)));
  withRemoteFlags(program.command("add"))
    .description("add replicas; waits until they serve")
    .argument("[name...]", "their names")
    .option("--count <n>", "how many; default: as many as there are names, or 1")
    .addHelpText("after", "\nExamples: roundhouse add S4 S5\n          roundhouse add --count 3")
    .action(async (names: string[], flags: RemoteFlags & { count?: string }) =>
      print(await change("POST", "/add", names, flags)),
    );
  withRemoteFlags(program.command("rm"))
    .description("remove replicas; they finish what they have, then stop")
    .argument("[name...]", "their names")
    .option("--count <n>", "how many; default: as many as there are names, or 1")
    .addHelpText("after", "\nExample: roundhouse rm S4")
    .action(async (names: string[], flags: RemoteFlags & { count?: string }) =>
      print(await change("DELETE", "/rm", names, flags)),
    );
}

export function withRemoteFlags(command: Command): Command {
  return command
    .option("--url <url>", "the front door", "http://127.0.0.1:5000")
    .option("--token <secret>", "bearer token (or ROUNDHOUSE_TOKEN)")
    .option("--json", "print JSON");
}

async function statusText(flags: RemoteFlags): Promise<string> {
  const status = (await ask(flags, urlOf("--admin", flags.admin, "/api/v1/status"))) as {
    readonly replicas: readonly ReplicaStatus[];
    readonly spares: readonly ReplicaStatus[];
    readonly understudies: readonly ReplicaStatus[];
    readonly autoscale: AutoscaleReport | null;
  };
  if (flags.json) return JSON.stringify(status);
  const replicas = table(
    [
      ...["name", "state", "seat", "revision", "weight", "share", "cpu", "memory"],
      ...["address", "pid", "since", "reason"],
    ],
    [...status.replicas, ...status.understudies, ...status.spares].map((replica) => [
      replica.name,
      replica.state,
      replica.seat > 0 ? String(replica.seat) : status.spares.includes(replica) ? "spare" : "to come",
      String(replica.revision),
      String(replica.weight),
      replica.share === null ? "" : `${(replica.share * 100).toFixed(1)} %`,
      replica.cpuPercent === null ? "" : `${replica.cpuPercent.toFixed(1)} %`,
      replica.rssBytes === null ? "" : `${(replica.rssBytes / 1_048_576).toFixed(1)} MiB`,
      replica.address ?? "",
      String(replica.pid ?? ""),
      new Date(replica.sinceMs).toISOString(),
      replica.reason,
    ]),
  );
  return [replicas, ...autoscaleLines(status.autoscale)].join("\n");
}

async function reload(flags: RemoteFlags & { workers?: true }): Promise<string> {
  const url = urlOf("--admin", flags.admin, `/api/v1/reload${flags.workers ? "?workers=roll" : ""}`);
  const report = (await ask(flags, url, { method: "POST" })) as {
    readonly changed: readonly string[];
    readonly rolled?: number;
  };
  if (flags.json) return JSON.stringify(report);
  const { changed, rolled } = report;
  const text = changed.length === 0 ? "Nothing has changed" : `Changed: ${changed.join(", ")}`;
  return rolled === undefined ? text : `${text}; ${rolled} workers replaced`;
}

async function change(
  method: "POST" | "DELETE",
  path: string,
  names: readonly string[],
  flags: RemoteFlags & { count?: string },
): Promise<string> {
  const n = flags.count === undefined ? Math.max(1, names.length) : wholeNumber("--count", flags.count);
  const answer = (await ask(flags, urlOf("--url", flags.url, path), {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ n, hostnames: names }),
  })) as { readonly message: { readonly N: number; readonly replicas: readonly string[] } };
  if (flags.json) return JSON.stringify(answer);
  return `${answer.message.N} replicas: ${answer.message.replicas.join(" ")}`;
}

export function urlOf(flag: string, base: string, path: string): URL {
  if (/^https?:/.test(base) && URL.canParse(base)) return new URL(path, base);
  throw usage(`${flag} is "${base}"; accepted: a URL such as http://127.0.0.1:5000`);
}

export async function ask(
  flags: RemoteFlags,
  url: URL,
  init: RequestInit & { headers?: Record<string, string> } = {},
): Promise<unknown> {
  const token = flags.token ?? process.env.ROUNDHOUSE_TOKEN;
  const headers = { ...init.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(60_000) }).catch(
    (cause: Error) => {
      const reason = cause.cause instanceof Error ? cause.cause.message : cause.message;
      throw new RoundhouseError(
        "UNREACHABLE",
        `No front door answers at ${url.origin} (${reason}); start one with \`roundhouse up\`, or name its address`,
        { source: "upstream", retryable: true, cause },
      );
    },
  );
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new RoundhouseError("BAD_REQUEST", `${url.origin} refused: ${messageIn(text)}`, {
    source: "downstream",
  });
}

/** The message of a failure in the contract's shape, or the text as it is. */
function messageIn(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message).replace(/^<Error> /, "");
  } catch {
    return text.slice(0, 300);
  }
}
