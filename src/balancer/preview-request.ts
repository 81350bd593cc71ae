// The body of `POST /api/v1/ring/preview`: checked by hand, so that no schema compiler is loaded for one route.
import { RoundhouseError } from "../errors.ts";
import type { Member, PlacementName } from "../ring/ring.ts";
import type { PreviewedChange } from "./ring-preview.ts";

/** Members that would join, seats that would leave, new weights by seat. Nothing changes. */
export interface PreviewRequest {
  readonly add?: readonly Member[];
  readonly remove?: readonly number[];
  readonly weights?: Readonly<Record<string, number>>;
  /** Another placement than that of now. */
  readonly hash?: PlacementName;
}

const placements: readonly PlacementName[] = ["rendezvous", "assignment", "ketama", "maglev", "jump"];

/** Members that one preview may add; each costs a pass over the table. */
const membersMax = 64;

/** Throws BAD_REQUEST, in words. Whether the seats fit is the ring's to say. */
export function parsePreviewRequest(body: unknown): PreviewedChange {
  if (typeof body !== "object" || body === null) {
    throw bad('A preview needs an object such as {"add":[{"seat":4}],"remove":[1],"weights":{"2":3}}');
  }
  const { add = [], remove = [], weights = {}, hash } = body as PreviewRequest;
  if (!Array.isArray(add) || !Array.isArray(remove) || typeof weights !== "object" || weights === null) {
    throw bad("add and remove must be lists, and weights an object");
  }
  if (add.length > membersMax) throw bad(`A preview can add ${membersMax} members at most`);
  if (hash !== undefined && !placements.includes(hash)) {
    throw bad(`There is no placement ${JSON.stringify(hash)}; choose ${placements.join(", ")}`);
  }
  const byWeight = Object.entries(weights);
  return {
    add: add.map(memberOf),
    remove: remove.map((seat: unknown) => checkNumber("a seat in remove", seat)),
    ...(hash === undefined ? {} : { placement: hash }),
    weights: new Map(byWeight.map(([seat, weight]) => [Number(seat), checkNumber("a weight", weight)])),
  };
}

function memberOf(member: unknown): Member {
  const { seat, weight, label } = (member ?? {}) as Record<string, unknown>;
  return {
    seat: checkNumber("a seat in add", seat),
    ...(weight === undefined ? {} : { weight: checkNumber("a weight in add", weight) }),
    ...(typeof label === "string" ? { label } : {}),
  };
}

function checkNumber(what: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw bad(`${what} is ${JSON.stringify(value) ?? "missing"}; a number is needed`);
}

function bad(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
