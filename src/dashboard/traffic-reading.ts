// The traffic as it was read last, kept up to date by changes.
import type { TrafficChange, TrafficNow } from "../balancer/dashboard/traffic-source.ts";

export function withTrafficChange(before: TrafficNow, change: TrafficChange): TrafficNow {
  const { gone, figures: changed, ...rest } = change;
  const figures = { ...before.figures, ...changed };
  for (const name of gone) delete figures[name];
  return { ...rest, figures };
}
