// The two kinds of metrics on the page, each read anew whenever the page is made. Which ones there are is metrics.ts.
import { Counter, Gauge, type Registry } from "prom-client";

/** Replaces all of a metric's values by those that `rows` gives. */
export function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  rows: () => Iterable<readonly [labels: Record<string, string>, value: number]>,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of rows()) this.inc(labels, value);
    },
  });
}

/** The same, of what may fall. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  rows: () => Iterable<readonly [labels: Record<string, string>, value: number]>,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of rows()) this.set(labels, value);
    },
  });
}
