// The services by which front doors of a swarm agree; see docker/lock.ts. They have no tasks: nothing runs.
import { label } from "../docker/container-spec.ts";
import { type Engine, within } from "../docker/engine.ts";
import { statusOf } from "../docker/engine-errors.ts";
import type { Marks } from "../docker/lock.ts";
import { serviceOfName } from "./swarm-errors.ts";
import type { SwarmService } from "./tasks.ts";

export function serviceMarks(engine: Engine, fleet: string, image: string): Marks {
  const { docker } = engine;
  return {
    what: "service",
    async make(name, labels) {
      const { id } = await within(
        docker.createService({
          // A service's name may have no dots.
          Name: name.replaceAll(".", "-"),
          Labels: labels,
          Mode: { Replicated: { Replicas: 0 } },
          TaskTemplate: { ContainerSpec: { Image: image } },
        }),
      );
      return id;
    },
    async find(id) {
      try {
        return markFrom(await within(docker.getService(id).inspect()));
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async list() {
      const filters = { label: [`${label.fleet}=${fleet}`] };
      const services = await within(docker.listServices({ filters }));
      return (services as unknown as readonly SwarmService[]).map(markFrom);
    },
    remove: (id) => removeService(engine, id),
    holderOf: serviceOfName,
  };
}

/** Its task is asked to end, and has the service's grace period for that. One that is gone is as good. */
export async function removeService({ docker }: Engine, id: string): Promise<void> {
  try {
    await within(docker.getService(id).remove());
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}

function markFrom({ ID, Spec: { Name, Labels } }: SwarmService): {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
} {
  return { id: ID, name: Name, labels: Labels };
}
