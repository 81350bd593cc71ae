// `roundhouse weight|hot-keys|spread|bounded-load`: how a front door that runs routes, seen and changed.
import type { Command } from "commander";
import type { HotKeysReport, PolicyReport, WeightReport } from "../balancer/steering-api.ts";
import { print, table } from "./output.ts";
import { ask, type RemoteFlags, urlOf, withRemoteFlags } from "./remote.ts";
import { usage, wholeNumber } from "./usage.ts";

/** Adds the commands to the program. */
export function addSteeringCommands(program: Command): void {
  const command = (name: string) =>
    withRemoteFlags(program.command(name)).option(
      "--admin <url>",
      "its admin listener",
      "http://127.0.0.1:5010",
    );
  command("weight")
    .description("change a replica's weight, its share of the work relative to the others")
    .argument("<replica>", "its name")
    .argument("<weight>", "a number from 0.001 to 1000")
    .addHelpText("after", "\nExample: roundhouse weight S2 0.5")
    .action(async (name: string, weight: string, flags: RemoteFlags) =>
      print(await setWeight(name, weight, flags)),
    );
  command("hot-keys")
    .description("the keys that are asked for most, with their requests per second")
    .option("--count <n>", "how many (default 10)")
    .action(async (flags: RemoteFlags & { count?: string }) => print(await hotKeys(flags)));
  command("spread")
    .description("have several replicas serve one hot key, or its owner alone again")
    .argument("<key>", "the key, as hot-keys shows it")
    .argument("<replicas>", "over how many, or off")
    .option("--id", "the key is a number")
    .addHelpText(
      "after",
      "\nExamples: roundhouse spread /popular 3\n          roundhouse spread /popular off",
    )
    .action(async (key: string, over: string, flags: RemoteFlags & { id?: true }) =>
      print(await spread(key, over, flags)),
    );
  command("bounded-load")
    .description("let no replica have more than so many times its fair part of the requests under way")
    .argument("<factor>", "a number above 1 such as 1.25, or off")
    .action(async (factor: string, flags: RemoteFlags) => print(await boundedLoad(factor, flags)));
}

async function setWeight(name: string, weight: string, flags: RemoteFlags): Promise<string> {
  const path = `/api/v1/replicas/${encodeURIComponent(name)}`;
  const report = (await put(flags, path, { weight: Number(weight) })) as WeightReport;
  return flags.json ? JSON.stringify(report) : `${report.name} has the weight ${report.weight}`;
}

async function hotKeys(flags: RemoteFlags & { count?: string }): Promise<string> {
  const count = wholeNumber("--count", flags.count ?? "10");
  const url = urlOf("--admin", flags.admin, `/api/v1/hot-keys?count=${count}`);
  const report = (await ask(flags, url)) as HotKeysReport;
  if (flags.json) return JSON.stringify(report);
  const rows = report.keys.map(({ key, ratePerS, errorPerS, share, replica, over }) => [
    ratePerS.toFixed(1),
    errorPerS.toFixed(1),
    `${(100 * share).toFixed(1)} %`,
    replica ?? "",
    over === null ? "" : `over ${over}`,
    typeof key === "number" ? `${key} (a number)` : key,
  ]);
  const about = `${report.ratePerS.toFixed(1)} requests per second in all; one in ${report.sampledOneIn} is looked at`;
  return `${about}\n${table(["per second", "± up to", "share", "owner", "spread", "key"], rows)}`;
}

async function spread(key: string, over: string, flags: RemoteFlags & { id?: true }): Promise<string> {
  const name = flags.id ? { id: numericKey(key) } : { key };
  if (over !== "off")
    return policyText(
      await put(flags, "/api/v1/spreads", { ...name, over: wholeNumber("<replicas>", over) }),
      flags,
    );
  const url = urlOf("--admin", flags.admin, "/api/v1/spreads");
  for (const [field, value] of Object.entries(name)) url.searchParams.set(field, String(value));
  return policyText(await ask(flags, url, { method: "DELETE" }), flags);
}

function numericKey(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usage(`<key> is "${text}"; accepted with --id: a whole number of at most 15 digits`);
}

async function boundedLoad(factor: string, flags: RemoteFlags): Promise<string> {
  if (factor !== "off" && !(Number(factor) > 1)) {
    throw usage(`<factor> is "${factor}"; accepted: a number above 1 such as 1.25, or off`);
  }
  const body = { factor: factor === "off" ? factor : Number(factor) };
  return policyText(await put(flags, "/api/v1/bounded-load", body), flags);
}

function put(flags: RemoteFlags, path: string, body: object): Promise<unknown> {
  return ask(flags, urlOf("--admin", flags.admin, path), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

function policyText(answer: unknown, { json }: RemoteFlags): string {
  if (json) return JSON.stringify(answer);
  const report = answer as PolicyReport;
  const share = report.bounded === 0 ? "" : `, ${(100 * report.overflowShare).toFixed(1)} % have overflowed`;
  const lines = report.spreads.map(({ key, replicas }) => `${key} is spread over ${replicas.join(" ")}`);
  return [`policy ${report.policy}, bounded load ${report.boundedLoad}${share}`, ...lines].join("\n");
}
