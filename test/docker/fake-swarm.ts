// A swarm's manager that is none: it speaks the few routes that the launcher uses, over a Unix socket, keeps services,
// tasks and nodes as records, and runs a task as soon as it is made. Tests change the records. What a real swarm does is
// tested against a real one.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import type { SwarmNode, SwarmService, SwarmTask } from "../../src/fleet/launchers/swarm/tasks.ts";

export interface FakeService extends SwarmService {
  readonly request: Docker.CreateServiceOptions;
}

export interface FakeSwarm {
  readonly path: string;
  readonly services: Map<string, FakeService>;
  /** By the id of their service. */
  readonly tasks: Map<string, SwarmTask>;
  readonly nodes: SwarmNode[];
  info: object;
  network: { Driver: string; Attachable: boolean };
  image: { Id: string; RepoDigests: string[] };
  /** How the next tasks begin; default running on the first node. */
  begin: Partial<SwarmTask["Status"]>;
  /** A task goes at once when its service is removed; else when the test removes it. */
  endsAtOnce: boolean;
  /** `METHOD /path` of every request. */
  readonly calls: string[];
  named(name: string): FakeService | undefined;
  /** The engine tells of the container of a service's task on its node; of the task itself nothing is told. */
  tellOf(
    service: string,
    action: "die" | "oom",
    more?: { readonly container?: string; readonly exitCode?: number },
  ): void;
  setStatus(service: string, status: SwarmTask["Status"]): void;
  /** Stops listening; `listen` has it back. */
  stop(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

type Answer = readonly [status: number, body?: unknown];

export async function startFakeSwarm(): Promise<FakeSwarm> {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-swarm-"));
  let made = 0;
  let server: Server;
  const services = new Map<string, FakeService>();
  const tasks = new Map<string, SwarmTask>();
  const eventStreams = new Set<ServerResponse>();

  function createService(request: Docker.CreateServiceOptions): Answer {
    const { Name = "", Labels = {}, Mode } = request;
    if (swarm.named(Name) !== undefined) {
      const conflict = `name conflicts with an existing object: service ${Name} already exists`;
      return refused(409, `rpc error: code = AlreadyExists desc = ${conflict}`);
    }
    made += 1;
    const [ID, CreatedAt] = [`service${made}`, new Date(made * 1_000).toISOString()];
    services.set(ID, { ID, CreatedAt, Spec: { Name, Labels }, request });
    if (Mode?.Replicated?.Replicas === 1) tasks.set(ID, newTask(ID, CreatedAt));
    return [201, { ID }];
  }

  function newTask(service: string, CreatedAt: string): SwarmTask {
    const ContainerStatus = { ContainerID: `container-of-${service}`, ExitCode: 0 };
    return {
      ...{
        ID: `task-of-${service}`,
        ServiceID: service,
        NodeID: "node1",
        CreatedAt,
        DesiredState: "running",
      },
      Status: { State: "running", ContainerStatus, ...swarm.begin },
      NetworksAttachments: [{ Network: { ID: "net-id" }, Addresses: [`10.0.1.${made}/24`] }],
    };
  }

  function ofService(method: string, key: string): Answer {
    const service = services.get(key) ?? swarm.named(key);
    if (service === undefined) return refused(404, `service ${key} not found`);
    if (method !== "DELETE") return [200, service];
    services.delete(service.ID);
    if (swarm.endsAtOnce) tasks.delete(service.ID);
    return [200];
  }

  function ofContainer(key: string, verb: string): Answer {
    if (verb === "stats") return [200, stats];
    tasks.delete(key.replace("container-of-", ""));
    return [204];
  }

  function answer(method: string, url: URL, body: unknown): Answer {
    const [, what, key = "", verb = ""] = url.pathname.split("/");
    if (what === "_ping") return [200, "OK"];
    if (what === "info") return [200, { Swarm: swarm.info }];
    if (what === "images") return [200, { ...swarm.image, Config: {} }];
    if (what === "networks")
      return key === "net2"
        ? [200, { Id: "net-id", Name: key, ...swarm.network }]
        : refused(404, `network ${key} not found`);
    if (what === "nodes") return [200, swarm.nodes];
    if (what === "tasks") return [200, [...tasks.values()]];
    if (what === "containers") return ofContainer(key, verb);
    if (what !== "services") return refused(404, "page not found");
    if (key === "create") return createService(body as Docker.CreateServiceOptions);
    return key === "" ? [200, listed(url)] : ofService(method, key);
  }

  function listed(url: URL): FakeService[] {
    const { label = [] } = JSON.parse(url.searchParams.get("filters") ?? "{}") as { label?: string[] };
    const pairs = label.map((wanted) => wanted.split("=") as [string, string]);
    return [...services.values()].filter(({ Spec }) =>
      pairs.every(([name, value]) => Spec.Labels[name] === value),
    );
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://engine");
    swarm.calls.push(`${request.method} ${url.pathname}`);
    const body = await read(request);
    if (url.pathname === "/events" || url.pathname.endsWith("/logs")) {
      response.writeHead(200).flushHeaders();
      if (url.pathname === "/events") eventStreams.add(response);
      response.on("close", () => eventStreams.delete(response));
      return;
    }
    const [status, content] = answer(request.method ?? "", url, body);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(content === undefined ? undefined : JSON.stringify(content));
  }

  const swarm: FakeSwarm = {
    path: join(folder, "docker.sock"),
    services,
    tasks,
    nodes: [node("node1", "alpha"), node("node2", "beta")],
    info: { NodeID: "node1", LocalNodeState: "active", ControlAvailable: true },
    network: { Driver: "overlay", Attachable: true },
    image: { Id: "sha256:0001", RepoDigests: [] },
    begin: {},
    endsAtOnce: true,
    calls: [],
    named: (name) => [...services.values()].find(({ Spec }) => Spec.Name === name),
    tellOf(service, Action, { container = `container-of-${service}`, exitCode = 137 } = {}) {
      const Attributes = { "com.docker.swarm.service.id": service, exitCode: String(exitCode) };
      const event = { Type: "container", Action, Actor: { ID: container, Attributes } };
      for (const stream of eventStreams) stream.write(`${JSON.stringify(event)}\n`);
    },
    setStatus(service, Status) {
      const task = tasks.get(service);
      if (task !== undefined) tasks.set(service, { ...task, Status });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    listen: () =>
      new Promise((resolve) => {
        server = createServer((request, response) => void serve(request, response));
        server.listen(swarm.path, resolve);
      }),
    async close() {
      await swarm.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await swarm.listen();
  return swarm;
}

const stats = {
  memory_stats: { usage: 30_000_000, stats: { inactive_file: 10_000_000 } },
  cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 } },
};

function node(ID: string, Hostname: string): SwarmNode {
  return {
    ID,
    Description: { Hostname },
    Spec: { Availability: "active" },
    Status: { State: "ready" },
  };
}

function refused(status: number, message: string): Answer {
  return [status, { message }];
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
}
