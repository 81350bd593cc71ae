// What goes wrong with which request: a pure function of the run's seed and the request's nonce, so that the origin
// which commits the fault and the client which judges the outcome agree without talking.
import { seededRandom } from "../../src/load/random.ts";

/** Answers that are complete, though not always nicely sent: the client must get them. */
const sound = [
  "plain",
  "chunked",
  "large", // 100 KB
  "slow", // in pieces, over several turns
  "interim", // 103 first
  "close-after", // FIN right behind the answer, without a word
  "reset-later", // the idle connection is reset a moment later
  "close-said", // Connection: close
  "not-modified", // 304 to GET and HEAD, with the length of what it does not send
  "body-to-head", // what answers HEAD has a body all the same
  "body-to-204",
  "unavailable", // 503, which the retry policy asks for elsewhere
] as const;

/** A second, plausible answer behind the first. With upstream batching nobody can tell it from the next request's. */
const poisoned = ["poison", "poison-next-write"] as const;

/** No answer that could be used: asked again elsewhere when that is safe, else 502. */
const unusable = [
  "close-first",
  "reset-first",
  "cut-head",
  "cut-small", // a Content-Length up to 16 KB, not reached
  "garbage",
  "two-lengths", // Content-Length and Transfer-Encoding
  "wrong-version",
] as const;

/** Wrong when a part may have gone on: the client's connection is cut, visibly. */
const cut = ["cut-large", "cut-chunked", "reset-chunked"] as const;

export type Fault =
  | (typeof sound)[number]
  | (typeof poisoned)[number]
  | (typeof unusable)[number]
  | (typeof cut)[number]
  /** Sound, but bytes that are no answer follow a moment later, and may meet the connection's next request. */
  | "late-garbage"
  | "stall" // never answers
  | "early"; // answers before it has read the request's body

export interface Plan {
  readonly nonce: string;
  readonly method: "GET" | "HEAD" | "PUT" | "POST";
  readonly fault: Fault;
  readonly requestBytes: string;
}

export interface PlanOptions {
  readonly seed: number;
  /** Leaves out what cannot be told apart when requests share a connection. */
  readonly batching: boolean;
}

/** The fault that belongs to a nonce and a method; the first attempt commits it, further ones are served well. */
export function faultOf(nonce: string, { seed, batching }: PlanOptions): Fault {
  const random = seededRandom(seed ^ Math.imul(Number.parseInt(nonce, 36), 0x9e3779b1));
  // A fault ends sharing until the replica restarts: were they as frequent, nothing would ever be shared.
  if (batching && random() < 0.95) return "plain";
  const kind = random();
  const among = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  if (kind < 0.68) return "plain";
  if (kind < 0.82) return among(sound);
  if (kind < 0.85) return batching ? among(sound) : among(poisoned);
  if (kind < 0.95) return among(unusable);
  if (kind < 0.975) return among(cut);
  if (kind < 0.9753) return "stall";
  return kind < 0.98 ? "late-garbage" : "early";
}

export type Outcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly nonce: string;
      readonly body: string;
      /** Said Connection: close. */
      readonly closes: boolean;
    }
  /** The connection ended before this request's answer was complete. */
  | { readonly kind: "ended" };

/** Null: the outcome is allowed. `unlucky`: allowed as often as late garbage may have met a second attempt. */
export function objection(
  { nonce, method, fault }: Pick<Plan, "nonce" | "method" | "fault">,
  outcome: Outcome,
): string | "unlucky" | null {
  const cuts = (cut as readonly string[]).includes(fault) || fault === "early";
  if (outcome.kind === "ended") return cuts ? null : "the connection ended without its answer";
  const { status, body } = outcome;
  const isOwn =
    status === 200 ||
    (status === 204 && fault === "body-to-204") ||
    (status === 304 && fault === "not-modified") ||
    (status === 503 && fault === "unavailable" && outcome.nonce !== "");
  if (isOwn) {
    const expected = method === "HEAD" || status === 204 || status === 304 ? "" : bodyOf(nonce, fault, body);
    return outcome.nonce === nonce && body === expected ? null : `it got the answer of ${outcome.nonce}`;
  }
  if (status === 504 && fault === "stall") return null;
  // A request that may have run is not sent again, whatever its connection died of.
  if (status === 502 && (method === "POST" || fault === "early")) return null;
  return status === 502 ? "unlucky" : `it failed with ${status}`;
}

/** What a sound answer carries: the nonce, and with `large` 100 KB of it. A repeated attempt is answered plainly. */
function bodyOf(nonce: string, fault: Fault, seen: string): string {
  const plain = `<${nonce}>`;
  return fault === "large" && seen.length > plain.length ? largeBody(nonce) : plain;
}
export const largeBody = (nonce: string): string =>
  `<${nonce}>`.repeat(Math.ceil(100_000 / (nonce.length + 2)));
