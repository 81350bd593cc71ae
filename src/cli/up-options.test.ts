import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { parseConfig } from "../balancer/config-check.ts";
import { addUpFlags, configFromFlags, flagNameOf } from "./up-options.ts";

function configFrom(...argv: string[]): Record<string, unknown> {
  const command = addUpFlags(new Command("up").argument("[command...]")).exitOverride();
  return configFromFlags(command.parse(argv, { from: "user" }).opts());
}

test("flags set the options of the configuration, nested ones too", () => {
  assert.deepEqual(
    configFrom(
      "--port",
      "0",
      "-n",
      "4",
      "--admin-port",
      "off",
      "--heartbeat-kind",
      "tcp",
      "--upstream-batching",
    ),
    { port: 0, replicas: 4, admin: { port: "off" }, heartbeat: { kind: "tcp" }, upstreamBatching: true },
  );
});

test("a repeated flag makes a list", () => {
  assert.deepEqual(configFrom("--upstream", "a:1", "--upstream", "b:2@3"), { upstreams: ["a:1", "b:2@3"] });
});

test("what is no number stays text, and the refusal names the flag", () => {
  assert.throws(() => parseConfig(configFrom("--replicas", "three"), "the command line", flagNameOf), {
    message:
      'Wrong option in the command line: --replicas is "three"; accepted: a whole number from 0 to 10000',
  });
  assert.throws(() => parseConfig(configFrom("--heartbeat-interval-ms", "0x10"), "x", flagNameOf), {
    message: /--heartbeat-interval-ms is "0x10"/,
  });
});

test("every flag's value is accepted by the schema under the path it names", () => {
  const samples = [
    "--host",
    "::1",
    "--key",
    "path",
    "--warm",
    "1",
    "--hash",
    "jump",
    "--slots",
    "64",
    "--token",
    "s",
  ];
  assert.equal(parseConfig(configFrom(...samples), "a test").hash, "jump");
});

test("a range sets both of its ends, beside the other options of its group", () => {
  assert.deepEqual(configFrom("--autoscale", "1..8", "--target-in-flight", "5", "--target-cpu", "0.7"), {
    autoscale: { targets: { inFlight: 5, cpuCores: 0.7 }, min: 1, max: 8 },
  });
  for (const [text, name] of [
    ["8", "max"],
    ["a..8", "min"],
    ["1..2..3", "max"],
  ]) {
    const config = configFrom("--autoscale", text as string);
    assert.throws(
      () => parseConfig(config, "the command line", flagNameOf),
      {
        code: "BAD_CONFIG",
        message: /--autoscale/,
      },
      name,
    );
  }
});
