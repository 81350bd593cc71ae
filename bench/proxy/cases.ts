// What is measured: each case is one kind of traffic, the same for every peer. How it is sent is in
// closed-loop.ts, steady-rate.ts and idle-memory.ts.

/** Traffic sent as fast as the answers come back. */
export interface TrafficCase {
  readonly name: string;
  readonly title: string;
  /** Client connections open at once. */
  readonly connections: number;
  /** Folder of the URIs at the origins; `uriCount` different ones are asked for in turn. */
  readonly folder: "small" | "kb10" | "mb1";
  readonly uriCount: number;
  /** Bytes of each answer's body; an answer of another length fails the check before the case. */
  readonly answerBytes: number;
  /** Bytes of each request's body; 0 means GET, more means POST. */
  readonly bodyBytes: number;
  /** Each request on a connection of its own (`Connection: close`). */
  readonly newConnections: boolean;
  readonly originCount: 3 | 300;
}

/** Body length of the origins' small answer. */
export const smallAnswerBytes = 100;

const smallGets: Omit<TrafficCase, "name" | "title"> = {
  connections: 64,
  folder: "small",
  uriCount: 4096,
  answerBytes: smallAnswerBytes,
  bodyBytes: 0,
  newConnections: false,
  originCount: 3,
};

export const trafficCases: readonly TrafficCase[] = [
  { ...smallGets, name: "get-16", title: "small GETs, 16 connections", connections: 16 },
  { ...smallGets, name: "get-64", title: "small GETs, 64 connections" },
  { ...smallGets, name: "get-256", title: "small GETs, 256 connections", connections: 256 },
  { ...smallGets, name: "get-1024", title: "small GETs, 1024 connections", connections: 1024 },
  { ...smallGets, name: "kb10", title: "10 KB answers, 64 connections", folder: "kb10", answerBytes: 10_240 },
  { ...smallGets, name: "mb1", title: "1 MB answers, 64 connections", folder: "mb1", answerBytes: 1_048_576 },
  // Fewer URIs: the load generator keeps every request in memory, 64 KB each.
  { ...smallGets, name: "post-64k", title: "64 KB POSTs, 64 connections", bodyBytes: 65_536, uriCount: 2048 },
  {
    ...smallGets,
    name: "new-connection",
    title: "a new connection per request, 64 at once",
    newConnections: true,
  },
  {
    ...smallGets,
    name: "upstreams-300",
    title: "small GETs, 64 connections, 300 upstreams",
    originCount: 300,
  },
];

/** The two cases that are not a closed loop. */
export const otherCases = {
  "steady-rate": "p50 and p99 at fixed rates, requests sent on schedule whatever the answers do",
  "idle-memory": "resident memory per idle client connection",
} as const;

export const caseNames: readonly string[] = [
  ...trafficCases.map((one) => one.name),
  ...Object.keys(otherCases),
];

/** The traffic case of that name; the steady rates are derived from `get-64`. */
export function trafficCase(name: string): TrafficCase {
  const found = trafficCases.find((one) => one.name === name);
  if (!found) throw new RangeError(`No traffic case is named "${name}"; there are: ${caseNames.join(", ")}.`);
  return found;
}
