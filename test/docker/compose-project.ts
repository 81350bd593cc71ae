// The compose file as its users run it: a folder of its own with compose.yaml, Makefile and a .env made by make, under
// names and ports that nobody else uses. What there is, is asked of the engine, not of Roundhouse.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { docker, freePorts, logsOf, root } from "./docker.ts";

const runFile = promisify(execFile);

export interface ReplicaContainer {
  readonly id: string;
  /** The replica's name. */
  readonly name: string;
  readonly running: boolean;
}

export interface ComposeProject {
  /** `http://127.0.0.1:PORT` of the front door, of its admin listener. */
  readonly url: string;
  readonly adminUrl: string;
  readonly token: string;
  /** Runs `make TARGET` there. */
  make(target: string): Promise<string>;
  /** Runs the compose program there. */
  compose(...args: readonly string[]): Promise<string>;
  /** Id of the front door's container. */
  frontDoor(): Promise<string>;
  /** How the front door's container is, and the end of its log: for a test that fails. */
  frontDoorSays(): Promise<string>;
  /** The replicas' containers as `docker ps --all` has them, by name. */
  replicas(): Promise<ReplicaContainer[]>;
  /** Everything on the engine that bears the project's or the fleet's name. */
  leftovers(): Promise<string[]>;
  /** Removes all of it, whatever has happened. */
  remove(): Promise<void>;
}

/** Starts nothing yet. `flags` go to `roundhouse up`. */
export async function composeProject(image: string, flags = ""): Promise<ComposeProject> {
  const name = `rhtest${randomBytes(4).toString("hex")}`;
  const folder = join(mkdtempSync(join(tmpdir(), "roundhouse-compose-")), name);
  mkdirSync(folder);
  for (const file of ["compose.yaml", "Makefile", ".env.example"]) {
    copyFileSync(join(root, file), join(folder, file));
  }
  const env = { ...process.env, COMPOSE_PROJECT_NAME: name };
  const program = (await hasPlugin()) ? ["docker", "compose"] : ["docker-compose"];
  const run = async ([file = "", ...args]: readonly string[]) =>
    (await runFile(file, args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  await run(["make", ".env"]);
  const [front, admin, queue, read] = await freePorts(4);
  const settings = fillIn(join(folder, ".env"), {
    ...{ ID: name, NETWORK: name, IMAGE: image, REPLICA_IMAGE: image },
    ...{ FRONT_PORT: `${front}`, ADMIN_PORT: `${admin}`, QUEUE_PORT: `${queue}`, READ_PORT: `${read}` },
    UP_FLAGS: `--container-prefix ${name}- ${flags}`,
  });
  const ofProject = `label=com.docker.compose.project=${name}`;
  const ofFleet = `label=roundhouse.fleet=${name}`;

  const frontDoor = () => docker("ps", "--all", "--quiet", "--no-trunc", "--filter", ofProject);

  async function replicas(): Promise<ReplicaContainer[]> {
    const format = '{{.ID}} {{.Label "roundhouse.replica"}} {{.State}}';
    const which = ["--filter", ofFleet, "--filter", "label=roundhouse.role=replica"];
    const list = await docker("ps", "--all", "--no-trunc", ...which, "--format", format);
    const found =
      list === "" ? [] : list.split("\n").map((line) => line.split(" ") as [string, string, string]);
    return found
      .map(([id, replica, state]) => ({ id, name: replica, running: state === "running" }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async function leftovers(): Promise<string[]> {
    const lists = await Promise.all([
      docker("ps", "--all", "--filter", `name=${name}`, "--format", "container {{.ID}} {{.Names}}"),
      docker("ps", "--all", "--filter", ofFleet, "--format", "container {{.ID}} {{.Names}}"),
      docker("network", "ls", "--filter", `name=${name}`, "--format", "network {{.ID}} {{.Name}}"),
      docker("volume", "ls", "--filter", `name=${name}`, "--format", "volume {{.Name}} {{.Name}}"),
    ]);
    return [...new Set(lists.flatMap((list) => (list === "" ? [] : list.split("\n"))))];
  }

  return {
    url: `http://127.0.0.1:${front}`,
    adminUrl: `http://127.0.0.1:${admin}`,
    token: settings.ROUNDHOUSE_TOKEN ?? "",
    make: (target) => run(["make", target]),
    compose: (...args) => run([...program, ...args]),
    frontDoor,
    async frontDoorSays() {
      const id = await frontDoor();
      const state = "{{json .State}} restarted {{.RestartCount}} times";
      const log = (await logsOf(id)).trimEnd().split("\n").slice(-12);
      return [await docker("inspect", "--format", state, id), ...log].join("\n");
    },
    replicas,
    leftovers,
    async remove() {
      // First, or it would replace what is removed.
      await docker("rm", "--force", "--volumes", await frontDoor()).catch(() => {});
      for (const kind of ["container", "network", "volume"]) {
        for (const line of await leftovers()) {
          const [what, id = ""] = line.split(" ");
          if (what !== kind) continue;
          await docker(kind, "rm", ...(kind === "network" ? [] : ["--force"]), id).catch(() => {});
        }
      }
      rmSync(join(folder, ".."), { recursive: true, force: true });
    },
  };
}

function hasPlugin(): Promise<boolean> {
  return docker("compose", "version").then(
    () => true,
    () => false,
  );
}

/** Gives all settings of the file, the given ones changed in it. */
function fillIn(path: string, values: Readonly<Record<string, string>>): Record<string, string> {
  const settings: Record<string, string> = {};
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .map((line) => {
      const [, key, before] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
      if (key === undefined) return line;
      settings[key] = values[key] ?? before ?? "";
      return `${key}=${settings[key]}`;
    });
  writeFileSync(path, lines.join("\n"));
  return settings;
}
