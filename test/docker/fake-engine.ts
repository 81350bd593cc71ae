// A Docker engine that is none: it speaks the few routes that the launcher uses, over a Unix socket, keeps containers as
// records, and can be told to refuse, to lose its event streams, or to be silent. What a real engine does is tested
// against a real one.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FakeContainer {
  readonly id: string;
  name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly request: CreateRequest;
  state: "created" | "running" | "paused" | "exited";
  exitCode: number;
  readonly createdS: number;
}

/** What of the request's body the tests look at. */
export interface CreateRequest {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly NetworkingConfig?: unknown;
}

export interface Refusal {
  readonly status: number;
  readonly message: string;
}

export interface FakeEngine {
  readonly path: string;
  readonly containers: Map<string, FakeContainer>;
  /** `METHOD /path` of every request, without the query. */
  readonly calls: readonly string[];
  readonly image: { id: string; labels: Record<string, string> };
  /** Looked at before each request: a refusal is answered, `silence` never is. */
  refuse: (call: string) => Refusal | "silence" | undefined;
  /** The next such request is answered when it is released. */
  hold(which: (call: string) => boolean): { readonly reached: Promise<void>; release(): void };
  named(name: string): FakeContainer | undefined;
  /** It ends, and the event stream tells. */
  end(id: string, exitCode: number, tell?: boolean): void;
  put(name: string, labels: Record<string, string>, state: FakeContainer["state"]): FakeContainer;
  /** Cuts all event streams and output streams. */
  cutStreams(): void;
  /** Stops listening, as an engine that is restarted; `listen` has it back. */
  stop(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

type Answer = { readonly status: number; readonly body?: unknown };

export async function startFakeEngine(): Promise<FakeEngine> {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-engine-"));
  const path = join(folder, "docker.sock");
  const containers = new Map<string, FakeContainer>();
  const calls: string[] = [];
  const streams = new Map<ServerResponse, string>();
  let made = 0;
  let held: { which(call: string): boolean; reach(): Promise<void> } | undefined;
  let server: Server;

  const find = (key: string): FakeContainer | undefined =>
    containers.get(key) ?? [...containers.values()].find(({ name }) => name === key);

  function tell(action: string, { id, name, labels }: FakeContainer, more: object = {}): void {
    const event = {
      Type: "container",
      Action: action,
      Actor: { ID: id, Attributes: { name, ...labels, ...more } },
    };
    for (const [stream, what] of streams) if (what === "events") stream.write(`${JSON.stringify(event)}\n`);
  }

  function put(
    name: string,
    labels: Record<string, string>,
    state: FakeContainer["state"],
    request?: CreateRequest,
  ) {
    made += 1;
    const id = made.toString(16).padStart(64, "a");
    const full = request ?? { Image: engine.image.id, Labels: labels, HostConfig: {} };
    const container: FakeContainer = { id, name, labels, request: full, state, exitCode: 0, createdS: made };
    containers.set(id, container);
    return container;
  }

  function end(id: string, exitCode: number, telling = true): void {
    const container = containers.get(id);
    if (container === undefined || container.state === "exited") return;
    container.state = "exited";
    container.exitCode = exitCode;
    if (telling) tell("die", container, { exitCode: String(exitCode) });
    for (const [stream, what] of [...streams]) if (what === id) stream.end();
  }

  function create(name: string, body: CreateRequest): Answer {
    const holder = find(name);
    if (holder !== undefined) {
      return refused(
        409,
        `Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
    const container = put(name, { ...body.Labels }, "created", body);
    tell("create", container);
    return { status: 201, body: { Id: container.id, Warnings: [] } };
  }

  function act(container: FakeContainer, verb: string): Answer {
    switch (verb) {
      case "json":
        return { status: 200, body: inspected(container) };
      case "start":
        container.state = "running";
        return { status: 204 };
      case "stop":
        setImmediate(end, container.id, 0);
        return { status: 204 };
      case "kill":
        if (container.state !== "running" && container.state !== "paused")
          return refused(409, `Container ${container.id} is not running`);
        setImmediate(end, container.id, 137);
        return { status: 204 };
      case "stats":
        return { status: 200, body: stats };
      case "unpause":
        return refused(500, `Container ${container.id} is not paused`);
      default:
        return refused(404, "page not found");
    }
  }

  function listed(url: URL): Answer {
    const { label = [] } = JSON.parse(url.searchParams.get("filters") ?? "{}") as { label?: string[] };
    const fits = ({ labels }: FakeContainer): boolean =>
      label.every((wanted) => {
        const [name = "", value] = wanted.split("=");
        return name in labels && (value === undefined || labels[name] === value);
      });
    const rows = [...containers.values()].filter(fits).map((each) => ({
      Id: each.id,
      Names: [`/${each.name}`],
      Labels: each.labels,
      Created: each.createdS,
      State: each.state,
      Status: each.state === "exited" ? `Exited (${each.exitCode}) 3 seconds ago` : `Up 3 seconds`,
    }));
    return { status: 200, body: rows };
  }

  function answer(method: string, url: URL, body: unknown): Answer {
    const [, what, key = "", verb = ""] = url.pathname.split("/");
    if (what === "_ping") return { status: 200, body: "OK" };
    if (what === "images")
      return { status: 200, body: { Id: engine.image.id, Config: { Labels: engine.image.labels } } };
    if (what === "networks") return { status: 200, body: { Name: key, Driver: "bridge" } };
    if (what !== "containers") return refused(404, "page not found");
    if (key === "json") return listed(url);
    if (key === "create") return create(url.searchParams.get("name") ?? "", body as CreateRequest);
    const container = find(key);
    if (container === undefined) return refused(404, `No such container: ${key}`);
    if (method !== "DELETE") return act(container, verb);
    end(container.id, 137);
    containers.delete(container.id);
    tell("destroy", container);
    return { status: 204 };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://engine");
    const call = `${request.method} ${url.pathname}`;
    calls.push(call);
    const refusal = engine.refuse(call);
    if (refusal === "silence") return;
    const body = await read(request);
    if (held?.which(call)) await held.reach();
    const stream =
      url.pathname === "/events" ? "events" : /^\/containers\/(\w+)\/logs$/.exec(url.pathname)?.[1];
    if (stream !== undefined && refusal === undefined) {
      streams.set(response.writeHead(200), stream);
      response.flushHeaders();
      response.on("close", () => streams.delete(response));
      return;
    }
    const { status, body: content } =
      refusal === undefined
        ? answer(request.method ?? "", url, body)
        : refused(refusal.status, refusal.message);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(content === undefined ? undefined : JSON.stringify(content));
  }

  const engine: FakeEngine = {
    path,
    containers,
    calls,
    image: { id: "sha256:0001", labels: {} },
    refuse: () => undefined,
    hold(which) {
      let [reached, release] = [() => {}, () => {}];
      const isReached = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const isReleased = new Promise<void>((resolve) => {
        release = resolve;
      });
      const reach = (): Promise<void> => {
        held = undefined;
        reached();
        return isReleased;
      };
      held = { which, reach };
      return { reached: isReached, release };
    },
    named: (name) => [...containers.values()].find((each) => each.name === name),
    end,
    put,
    cutStreams() {
      for (const stream of streams.keys()) stream.destroy();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    listen: () =>
      new Promise((resolve) => {
        server = createServer((request, response) => void serve(request, response)).listen(path, resolve);
      }),
    async close() {
      await engine.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await engine.listen();
  return engine;
}

const stats = {
  memory_stats: { usage: 30_000_000, stats: { inactive_file: 10_000_000 } },
  cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 } },
};

function inspected({ id, name, labels, state }: FakeContainer): object {
  const address = state === "running" || state === "paused" ? "127.0.0.1" : "";
  return {
    Id: id,
    Name: `/${name}`,
    Config: { Labels: labels },
    State: { Running: address !== "" },
    NetworkSettings: { Networks: { net1: { IPAddress: address, GlobalIPv6Address: "" } } },
  };
}

function refused(status: number, message: string): Answer {
  return { status, body: { message } };
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? undefined : JSON.parse(text);
}
