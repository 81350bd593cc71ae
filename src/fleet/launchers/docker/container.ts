// One replica as a container: made and started, or taken over where it runs already; asked to stop, killed, removed.
import type Docker from "dockerode";
import type { Address, LaunchEvents, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import { type ContainerOutput, followOutput } from "./container-output.ts";
import { type ContainerOptions, networkOf, portOf } from "./container-spec.ts";
import { type ContainerUsage, createContainerUsage } from "./container-usage.ts";
import { type Engine, within } from "./engine.ts";
import { statusOf } from "./engine-errors.ts";
import { type EngineYard, launchOnEngine } from "./engine-launch.ts";

/** What all containers of a fleet share. */
export interface Yard extends EngineYard<Docker.ContainerCreateOptions> {
  readonly engine: Engine;
  readonly options: ContainerOptions & { readonly drainMs: number };
  create(name: string, request: Docker.ContainerCreateOptions): Promise<Docker.Container>;
}

export function launchContainer(yard: Yard, spec: LaunchSpec, events: LaunchEvents): LaunchHandle {
  const { engine, options } = yard;
  return launchOnEngine(yard, { spec, events }, (launch) => {
    let container: Docker.Container | undefined;
    let started = false;
    let running = false;
    let output: ContainerOutput | undefined;
    let usage: ContainerUsage | undefined;

    function enlist(which: Docker.Container): void {
      container = which;
      usage = createContainerUsage(which);
      launch.enlist(which.id);
    }

    function follow(sinceS: number): void {
      if (container === undefined || output !== undefined) return;
      output = followOutput(container, sinceS, (stream, line) => yard.output.write(spec.name, stream, line));
    }

    async function isRunning(which: Docker.Container): Promise<void> {
      if (launch.over) return;
      running = true;
      const address = addressIn(await within(which.inspect()), options);
      if (launch.over) return;
      if (address === undefined) return launch.ended(`has no address in the network ${networkOf(options)}`);
      events.launched(address, null);
      launch.remind();
    }

    return {
      async make(request) {
        const made = await yard.create(spec.name, request);
        enlist(made);
        if (launch.asked !== "nothing") return launch.ended("was stopped before it was started");
        started = true;
        await within(made.start());
        // Not before: the output of a container that does not run yet is at its end.
        follow(0);
        await isRunning(made);
      },
      async takeOver(id) {
        const found = engine.docker.getContainer(id);
        enlist(found);
        follow(Math.floor(Date.now() / 1_000));
        await isRunning(found);
      },
      carryOut(asked) {
        if (container === undefined || !running) return;
        const [done, also] = asked === "kill" ? [container.kill()] : stopKindly(container, options.drainMs);
        also?.catch(() => {});
        done.catch((error: unknown) => {
          if (statusOf(error) === 404) launch.ended("was removed");
        });
      },
      close() {
        // One that ended while it started: what it said tells why.
        if (started) follow(0);
        return output;
      },
      usage: () => usage,
    };
  });
}

/** A paused server acts on its signal only when it goes on. */
function stopKindly(
  container: Docker.Container,
  drainMs: number,
): [stopped: Promise<unknown>, resumed: Promise<unknown>] {
  return [container.stop({ t: Math.ceil(drainMs / 1_000) }), container.unpause()];
}

function addressIn(
  { NetworkSettings: { Networks } }: Docker.ContainerInspectInfo,
  options: ContainerOptions,
): Address | undefined {
  const { IPAddress = "", GlobalIPv6Address = "" } = Networks[networkOf(options)] ?? {};
  const host = IPAddress || GlobalIPv6Address;
  return host === "" ? undefined : { host, port: portOf(options) };
}
