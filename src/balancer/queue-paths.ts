// Which requests are the queue's, by their paths alone. Pure; matched on the raw path: what only looks like one of
// these after decoding is a path like any other.

/** course: the course project's contract, whose clients know no failure but 400. native: our own API. */
export type QueuePath = "course" | "native";

/** Which ports differ in what they take. */
export type QueuePort =
  | "front" // the course's paths; `/v1` too where that was asked for
  | "queue" // everything but what brokers say to each other
  | "read"; // what consumers of the course's contract do

/** Null: it is not the queue's, or is not served here. */
export type PathReader = (target: string) => QueuePath | null;

export function pathReader(port: QueuePort, nativeOnFront: boolean): PathReader {
  if (port === "read") return onReadPort;
  if (port === "queue")
    return (target) => (isBelow(target, "/internal") ? null : (coursePath(target) ?? "native"));
  return (target) => coursePath(target) ?? (nativeOnFront && isBelow(target, "/v1") ? "native" : null);
}

/** `/topics`, `/producer`, `/consumer`, `/brokers` and what is below them; `/size`. */
function coursePath(target: string): "course" | null {
  switch (target.charCodeAt(1)) {
    case 0x62: // b
      return isBelow(target, "/brokers") ? "course" : null;
    case 0x63: // c
      return isBelow(target, "/consumer") ? "course" : null;
    case 0x70: // p
      return isBelow(target, "/producer") ? "course" : null;
    case 0x73: // s
      return isPath(target, "/size") ? "course" : null;
    case 0x74: // t
      return isBelow(target, "/topics") ? "course" : null;
    default:
      return null;
  }
}

function onReadPort(target: string): "course" | null {
  const served =
    isPath(target, "/brokers") ||
    isPath(target, "/topics") ||
    isPath(target, "/size") ||
    isBelow(target, "/consumer");
  return served ? "course" : null;
}

/** `GET`s that have effects: sent once, whatever their method promises. */
export function hasEffects(target: string): boolean {
  return isPath(target, "/consumer/consume") || target.startsWith("/brokers/");
}

/** The names of topic and shard in a native path that names both, else null; still percent-encoded. */
export function shardIn(target: string): readonly [topic: string, shard: string] | null {
  if (!target.startsWith("/v1/topics/")) return null;
  const path = target.split("?", 1)[0] as string;
  const [, , , topic, word, shard] = path.split("/");
  if (word !== "shards" || topic === undefined || shard === undefined || shard === "") return null;
  return [topic, shard];
}

function isPath(target: string, path: string): boolean {
  if (!target.startsWith(path)) return false;
  return target.length === path.length || target.charCodeAt(path.length) === 0x3f;
}

function isBelow(target: string, path: string): boolean {
  return isPath(target, path) || (target.startsWith(path) && target.charCodeAt(path.length) === 0x2f);
}
