// The benchmarks' front door: picks one by name and hands it the remaining arguments. It measures nothing itself.
const benches: Record<string, { readonly about: string; readonly module: string }> = {
  ring: { about: "the placements side by side: lookups, changes, balance", module: "./ring/ring.ts" },
  proxy: { about: "the data plane beside nginx, HAProxy and http-proxy", module: "./proxy/proxy.ts" },
  pick: { about: "choosing a replica, by every policy", module: "./pick/pick.ts" },
  recovery: { about: "how fast the fleet heals when replicas are killed", module: "./recovery/recovery.ts" },
  autoscale: {
    about: "a load that steps up eightfold and down again: does the fleet follow without flapping?",
    module: "./autoscale/autoscale.ts",
  },
  soak: {
    about: "millions of requests while replicas come, go and die: does anything grow?",
    module: "./soak/soak.ts",
  },
  queue: { about: "the queue beside NATS, Redis and RabbitMQ", module: "./queue/queue.ts" },
  store: { about: "the queue's store alone: messages per core, synced", module: "./queue/store.ts" },
};

function usage(): string {
  const lines = Object.entries(benches).map(([name, { about }]) => `  ${name.padEnd(10)}${about}`);
  return [
    "Usage: npm run bench -- <name> [options]",
    "",
    ...lines,
    "",
    "Options of one benchmark: npm run bench -- <name> --help",
  ].join("\n");
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (!bench) {
    console.error(`No benchmark is named "${name}"; there are: ${Object.keys(benches).join(", ")}.`);
    return 2;
  }
  const { run } = (await import(bench.module)) as { run(args: readonly string[]): Promise<void> | void };
  await run(rest);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
