// A failure that the data plane reports itself, in the form that the clients of its target know: the routing has the say
// (the queue's native paths speak problem details), and by default it is our JSON. Asked when something has failed, so
// that requests that go well pay nothing for it.
import { failureBody } from "../http/own-answer.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { OwnFailure, Routing } from "./routing.ts";

/** Target null: it could not be made out. */
export function ownFailure(
  routing: Routing,
  target: string | null,
  status: number,
  problem: string,
): OwnFailure {
  const form = target === null ? undefined : routing.failure?.(target, status, problem);
  return form ?? { status, type: "application/json", body: failureBody(problem) };
}

/** Enough to tell by its beginning whose a target is. */
const targetLookBytes = 256;

/** Of a head that is refused and begins at `from`, as far as it can be made out. */
export function refusedTarget(head: RequestHead, bytes: Buffer, from: number): string | null {
  if (head.status < 400) return null;
  const line = bytes.toString("latin1", from, Math.min(bytes.length, from + targetLookBytes));
  return /^[!-~]+ (?:https?:\/\/[^/ ]*)?([!-~]+)/i.exec(line)?.[1] ?? null;
}
