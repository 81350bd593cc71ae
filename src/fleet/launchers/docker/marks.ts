// The containers by which front doors agree; see lock.ts. They are made, and never started.
import { label } from "./container-spec.ts";
import { type Engine, within } from "./engine.ts";
import { holderOfName, statusOf } from "./engine-errors.ts";
import type { Marks } from "./lock.ts";

/** @param image id of an image that is there: no container can be made without one */
export function containerMarks({ docker }: Engine, fleet: string, image: string): Marks {
  return {
    what: "container",
    async make(name, labels) {
      const request = {
        name,
        Image: image,
        Cmd: ["is never started: see docs/docker.md of Roundhouse"],
        Labels: labels,
        HostConfig: { NetworkMode: "none" },
      };
      return (await within(docker.createContainer(request))).id;
    },
    async find(id) {
      try {
        const { Name, Config } = await within(docker.getContainer(id).inspect());
        return { id, name: Name.slice(1), labels: Config.Labels };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async list() {
      const filters = { label: [`${label.fleet}=${fleet}`, label.role] };
      const found = await within(docker.listContainers({ all: true, filters }));
      return found.map(({ Id, Names, Labels }) => ({ id: Id, name: Names[0] ?? "", labels: Labels }));
    },
    remove: (id) => within(docker.getContainer(id).remove({ force: true })),
    holderOf: holderOfName,
  };
}
