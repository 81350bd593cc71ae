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
  const targets = [
    "--target-in-flight",
    "5",
    "--target-cpu",
    "0.7",
    "--target-p95-ms",
    "200",
    "--target-rps",
    "9",
  ];
  assert.deepEqual(configFrom("--autoscale", "1..8", ...targets), {
    autoscale: { targets: { inFlight: 5, cpuCores: 0.7, p95Ms: 200, requestsPerS: 9 }, min: 1, max: 8 },
  });
  for (const text of ["8", "a..8", "1..", "1..2..3", "1-8"]) {
    assert.throws(() => configFrom("--autoscale", text), {
      message: `--autoscale is "${text}"; accepted: the least and the most, such as 1..8`,
    });
  }
  assert.equal(flagNameOf("autoscale.max"), "--autoscale");
  assert.equal(flagNameOf("autoscale.targets.p95Ms"), "--target-p95-ms");
});
