// What the parser leaves to policy: well-formed requests that are refused all the same. Pure.
import { field } from "../http/fields.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ProxyContext } from "./context.ts";

/** False: `head.status` and `head.problem` say why. TRACE, and an OPTIONS whose Max-Forwards is used up, end here. */
export function isAccepted(
  head: RequestHead,
  { policy, limits }: Pick<ProxyContext, "policy" | "limits">,
): boolean {
  if (policy.underscoreNames === "refuse" && hasUnderscoreName(head)) {
    head.status = 400;
    head.problem = "`_` in a field name";
    return false;
  }
  if (head.method === "TRACE") {
    head.status = 405;
    head.problem = "TRACE is not offered here, since its answer shows what proxies add to a request";
    return false;
  }
  if (head.maxForwards === 0) {
    head.status = 204;
    return false;
  }
  if (head.body.length <= limits.requestBytesMax) return true;
  head.status = 413;
  head.problem = `a body of ${head.body.length} bytes; at most ${limits.requestBytesMax} are accepted`;
  return false;
}

/**
 * The status to refuse a head with that begins at `from`: the routing's own for failures of this target, as far as a
 * target can be made out; else `head.status`, which says what was wrong.
 */
export function refusalStatus(
  head: RequestHead,
  bytes: Buffer,
  from: number,
  { routing }: Pick<ProxyContext, "routing">,
): number {
  if (head.status < 400) return head.status;
  const line = bytes.toString("latin1", from, Math.min(bytes.length, from + targetLookBytes));
  const target = /^[!-~]+ (?:https?:\/\/[^/ ]*)?([!-~]+)/i.exec(line)?.[1];
  return (target === undefined ? undefined : routing().failureStatus?.(target)) ?? head.status;
}

/** Enough to tell by its beginning whose a target is. */
const targetLookBytes = 256;

function hasUnderscoreName(head: RequestHead): boolean {
  return head.fields.id.subarray(0, head.fields.count).includes(field.underscore);
}
