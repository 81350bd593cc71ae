// What `roundhouse status` says about autoscale: what it asks for now, and what it has done.
import type { AutoscaleReport } from "../balancer/autoscaler.ts";

/** Decisions shown; all that are kept are in `GET /api/v1/autoscale`. */
const decisionsShown = 5;

/** No lines when it is off. */
export function autoscaleLines(report: AutoscaleReport | null): string[] {
  if (report === null) return [];
  const { min, max, wanted, recommended, words, decisions } = report;
  const asked = recommended === wanted ? "" : `, ${recommended} asked for`;
  return [
    "",
    `autoscale ${min}..${max}: ${wanted} wanted${asked} (${words})`,
    ...decisions.slice(0, decisionsShown).map(({ atMs, from, to, cause, reason, outcome }) => {
      const ended = outcome === "done" ? "" : `, ${outcome}`;
      return `  ${new Date(atMs).toISOString()}  ${from} → ${to} (${cause}${ended}): ${reason}`;
    }),
  ];
}
