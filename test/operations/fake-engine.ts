// An engine without containers: it starts servers late or not at all, tells of their ends, and its servers outlive the
// front door that started them (like containers) or do not (like processes). A front door that comes back takes over
// those that it names, and ends the others. What cannot be (a name borne twice) fails the test.
import assert from "node:assert/strict";
import type { LaunchEvents, Launcher, LaunchHandle, LaunchSpec } from "../../src/fleet/launcher.ts";
import type { Probe } from "../../src/fleet/probe.ts";
import type { FakeTime } from "./fake-time.ts";
import type { ProgramName } from "./operation.ts";

interface Server {
  readonly name: string;
  readonly port: number;
  readonly program: ProgramName;
  answersFromMs: number;
  pausedUntilMs: number;
  /** Whom it tells of its end: nobody while no front door has taken it over. */
  told: ((reason: string) => void) | null;
}

export interface FakeEngine {
  /** A front door's own launcher; the last one's hears nothing more from now on. */
  createLauncher(): Launcher;
  readonly probe: Probe;
  running(): readonly string[];
  programOf(name: string): ProgramName | undefined;
  kill(name: string): void;
  pause(name: string, ms: number): void;
  failStarts(count: number): void;
  /** The front door has been killed. */
  orphaned(): void;
  /** Whatever is started from now on works, and whatever was paused goes on; until {@link unmend}. */
  mend(): void;
  unmend(): void;
}

export function createFakeEngine(time: FakeTime, random: () => number, outlives: boolean): FakeEngine {
  const servers = new Map<string, Server>();
  let incarnation = 0;
  let ports = 0;
  let failing = 0;
  let mended = false;

  function end(server: Server, inMs: number, reason: string): void {
    time.at(inMs, () => {
      if (servers.get(server.name) !== server) return;
      servers.delete(server.name);
      server.told?.(reason);
    });
  }

  function create(name: string, program: ProgramName): Server {
    assert.ok(!servers.has(name), `${name} is started a second time`);
    ports += 1;
    const silent = program === "is silent" && !mended;
    const answersFromMs = silent ? Number.POSITIVE_INFINITY : time.nowMs() + 5 + random() * 60;
    const server = { name, port: ports, program, answersFromMs, pausedUntilMs: 0, told: null };
    servers.set(name, server);
    if (program === "exits" && !mended) end(server, 10 + random() * 100, "exited with code 7");
    if (program === "fails later" && !mended) end(server, 400 + random() * 2_000, "exited with code 8");
    return server;
  }

  function launch(spec: LaunchSpec, events: LaunchEvents, isCurrent: () => boolean): LaunchHandle {
    const program = (spec.program.command?.[0] ?? "works") as ProgramName;
    let server: Server | undefined;
    let asked: "nothing" | "stop" | "kill" = "nothing";
    const exited = (reason: string): void => {
      if (isCurrent()) events.exited(reason);
    };

    function begin(): void {
      if (!isCurrent()) return;
      const there = servers.get(spec.name);
      if (there?.told === null && there.program === program) take(there);
      else if (asked !== "nothing" && there === undefined) exited("was stopped before it was started");
      else if (there !== undefined) replace(there);
      else if (failing > 0) fail();
      else take(create(spec.name, program));
    }

    function fail(): void {
      failing -= 1;
      exited("could not be started: there is no such image");
    }

    /** Of an earlier program: it goes first. */
    function replace(there: Server): void {
      there.told = null;
      end(there, 5, "was replaced");
      time.at(10, begin);
    }

    function take(which: Server): void {
      server = which;
      server.told = exited;
      events.launched({ host: "simulated", port: server.port }, null);
      if (asked !== "nothing") carryOut();
    }

    function carryOut(): void {
      if (server === undefined) return;
      if (asked === "stop") server.pausedUntilMs = 0;
      end(server, asked === "kill" ? 5 : random() * 400, "was ended");
    }

    time.at(1 + random() * 20, begin);
    return {
      stop() {
        asked = "stop";
        carryOut();
      },
      kill() {
        asked = "kill";
        carryOut();
      },
      confirm: () => Promise.resolve(true),
      rssBytes: () => Promise.resolve(null),
      cpuSeconds: () => Promise.resolve(null),
    };
  }

  return {
    createLauncher() {
      incarnation += 1;
      const mine = incarnation;
      return {
        fixed: false,
        runs: ["image", "command"],
        start: (spec, events) => launch(spec, events, () => mine === incarnation),
        expect(replicas) {
          const names = replicas.map(({ name }) => name);
          for (const server of [...servers.values()])
            if (!names.includes(server.name)) end(server, 0, "is an orphan");
        },
        close: () => Promise.resolve(),
      };
    },
    probe: ({ port }: { port?: number }, { timeoutMs }) =>
      new Promise((resolve) => {
        const server = [...servers.values()].find((each) => each.port === port);
        const miss = (reason: string): void => resolve({ alive: false, reason, ours: false });
        if (server === undefined || server.answersFromMs > time.nowMs()) miss("connection refused");
        else if (server.pausedUntilMs <= time.nowMs()) resolve({ alive: true });
        else setTimeout(miss, timeoutMs, `no answer within ${timeoutMs} ms`);
      }),
    running: () => [...servers.keys()],
    programOf: (name) => servers.get(name)?.program,
    kill(name) {
      const server = servers.get(name);
      if (server !== undefined) end(server, 0, "was ended by SIGKILL");
    },
    pause(name, ms) {
      const server = servers.get(name);
      if (server !== undefined) server.pausedUntilMs = time.nowMs() + ms;
    },
    failStarts(count) {
      failing += count;
    },
    orphaned() {
      incarnation += 1;
      for (const server of [...servers.values()]) {
        server.told = null;
        if (!outlives) end(server, 0, "does not outlive its front door");
      }
    },
    mend() {
      failing = 0;
      mended = true;
      for (const server of servers.values()) server.pausedUntilMs = 0;
    },
    unmend() {
      mended = false;
    },
  };
}
