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

function hasUnderscoreName(head: RequestHead): boolean {
  return head.fields.id.subarray(0, head.fields.count).includes(field.underscore);
}
