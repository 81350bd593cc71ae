// An upstream without sockets, which remembers what was asked of it; for tests.
import type { Upstream } from "../../src/proxy/upstream.ts";

export interface FakeUpstream extends Upstream {
  readonly asked: ("retire" | "destroy")[];
}

export function fakeUpstream(name: string, kind: "replica" | "control" = "replica"): FakeUpstream {
  const asked: ("retire" | "destroy")[] = [];
  return {
    name,
    kind,
    address: { host: "127.0.0.1", port: 1 },
    inFlight: 0,
    accepting: true,
    watched: false,
    connections: 0,
    waiting: 0,
    isFull: false,
    sharing: "new",
    stats: {
      answersByCode: new Float64Array(900),
      redispatched: 0,
      failed: 0,
      turnedAway: 0,
      foundFull: 0,
      truncated: 0,
      latencyCounts: new Float64Array(15),
      inheritedCounts: new Float64Array(15),
      latencySumS: 0,
    },
    asked,
    setAside(isSetAside) {
      this.accepting = !isSetAside;
    },
    reroute: () => {},
    retire: () => void asked.push("retire"),
    destroy: () => void asked.push("destroy"),
  };
}
