// The commands of `roundhouse` and their flags. What a command does is elsewhere; the large ones are loaded when they
// are called.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { exitCodeHelp } from "./exit-code.ts";
import { addExperimentCommand } from "./experiment.ts";
import { addLoadCommand } from "./load.ts";
import { addProduceConsume } from "./produce-consume.ts";
import { addQueueCommands } from "./queue.ts";
import { addRemoteCommands } from "./remote.ts";
import { addRingCommands } from "./ring.ts";
import { addRolloutCommands } from "./rollout.ts";
import { addSteeringCommands } from "./steer.ts";
import { addTopicCommands } from "./topic.ts";
import { addUpFlags, isQueueFlag } from "./up-options.ts";

const upHelp = `
Everything after -- is the server to run, N times; never through a shell. It gets PORT, HOST and SERVER_ID in its
environment, and {port}, {host} and {id} are replaced in its arguments.

Examples:
  roundhouse up                                         three built-in replicas behind 127.0.0.1:5000
  roundhouse up -n 4 --key path -- node my-server.js    four copies of your server
  roundhouse up -- python3 -m http.server {port}        a server that takes its port as an argument
  roundhouse up --upstream 10.0.0.1:8080 --upstream 10.0.0.2:8080@2
                                                        servers that run already, the second with twice the share
  roundhouse up --launcher docker --image web:2 --network net1
                                                        three containers, which outlive a killed front door
  roundhouse up --launcher swarm --image registry.example/web:2 --network net2
                                                        three services of a swarm; run this in a container on net2`;

/** The whole command line, before anything is parsed. */
export function program(): Command {
  const root = new Command("roundhouse")
    .description("Runs N copies of any HTTP server behind one consistent-hashing front door")
    .version(version(), "-v, --version")
    .addHelpText("after", exitCodeHelp)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) });
  const up = root
    .command("up")
    .description("start replicas, keep them alive, and balance requests over them")
    .argument("[command...]", "the server to run, after --; default: the built-in replica")
    .option("--config <file>", "config file (default: roundhouse.config.{ts,js,json} in this directory)")
    .addHelpText("after", upHelp);
  addUpFlags(up).action(async (command: string[], flags: Record<string, unknown>) => {
    const { up: start } = await import("./up.ts");
    await start(command, flags);
  });
  const broker = root
    .command("broker")
    .description("the queue alone, without a front door: its brokers, its API and its read port")
    .addHelpText("after", "\nExample: roundhouse broker --brokers 3 --queue-data /var/lib/roundhouse");
  addUpFlags(broker, isQueueFlag).action(async (flags: Record<string, unknown>) => {
    const { broker: start } = await import("./broker.ts");
    await start(flags);
  });
  root
    .command("serve")
    .description("the built-in replica: /home and /heartbeat (PORT, HOST and SERVER_ID in the environment)")
    .option("--port <port>", "port to listen on (default PORT, or 8080)")
    .option("--host <address>", "address to listen on (default HOST, or 127.0.0.1)")
    .option("--id <id>", "its name in the answers (default SERVER_ID, or ID)")
    .addHelpText("after", "\nExample: SERVER_ID=S1 PORT=9001 roundhouse serve")
    .action(async (flags: { port?: string; host?: string; id?: string }) => {
      const { serve } = await import("../replica/serve.ts");
      await serve(flags);
    });
  addRemoteCommands(root);
  addRolloutCommands(root);
  addSteeringCommands(root);
  addRingCommands(root);
  addTopicCommands(root);
  addProduceConsume(root);
  addQueueCommands(root);
  addLoadCommand(root);
  addExperimentCommand(root, version());
  return root;
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
