// What `/add` and `/rm` may do while autoscale keeps the count: move it within min..max. Autoscale goes on from there.
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { AutoscaleSettings } from "./autoscale-options.ts";

type Changes = Pick<Fleet, "add" | "remove" | "desired">;

/** @param bounds as a reload has left them; null: autoscale is off */
export function boundedChanges(
  fleet: Changes,
  bounds: () => Pick<AutoscaleSettings, "min" | "max"> | null,
): Pick<Fleet, "add" | "remove"> {
  return {
    add: async (count, names) => {
      const { min = 0, max = Number.POSITIVE_INFINITY } = bounds() ?? {};
      const there = fleet.desired().length;
      if (there + count > max) throw refused("add", count, there, max - there, min, max);
      await fleet.add(count, names);
    },
    remove: async (count, names) => {
      const { min = 0, max = 0 } = bounds() ?? {};
      const there = fleet.desired().length;
      // More than there are is refused by the fleet, in its words.
      if (count <= there && there - count < min) throw refused("remove", count, there, there - min, min, max);
      await fleet.remove(count, names);
    },
  };
}

function refused(verb: string, count: number, there: number, most: number, min: number, max: number) {
  const room = most < 1 ? "none can be" : `n may be up to ${most}`;
  return new RoundhouseError(
    verb === "add" ? "FULL" : "BAD_REQUEST",
    `Cannot ${verb} ${count} of ${there} replicas: autoscale keeps ${min} to ${max}; ${room}, or change autoscale.${verb === "add" ? "max" : "min"} and reload`,
    { source: "downstream" },
  );
}
