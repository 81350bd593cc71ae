// What a forwarded request says about its trace, when the header policy has us say anything: see `traceparent` there.
import { field } from "../http/fields.ts";
import type { RequestHead } from "../http/request-head.ts";
import { parseTraceparent, traceparentText } from "../http/trace-context.ts";

/**
 * The traceparent line, and the tracestate lines where they belong to it. A trace is started where the request is in
 * none: as sampled, since a replica that meets no traceparent samples by its own rules too, which for most is always.
 *
 * @param text the head as latin1, from `head.start`
 * @param takesPart the request's next hop is our child, not our caller's
 */
export function traceLines(text: string, head: RequestHead, takesPart: boolean): string {
  const [given, ...others] = valuesOf(text, head, field.traceparent);
  const parent = others.length === 0 ? parseTraceparent(given) : null;
  if (parent === null) return line({ traceId: randomHex(16), parentId: randomHex(8), sampled: true });
  const states = valuesOf(text, head, field.tracestate).map((state) => `tracestate: ${state}\r\n`);
  const next = takesPart ? line({ ...parent, parentId: randomHex(8) }) : `traceparent: ${given}\r\n`;
  return next + states.join("");
}

function line(traceparent: Parameters<typeof traceparentText>[0]): string {
  return `traceparent: ${traceparentText(traceparent)}\r\n`;
}

function valuesOf(text: string, { fields, start }: RequestHead, kind: number): string[] {
  const values: string[] = [];
  for (let index = 0; index < fields.count; index++) {
    if (fields.id[index] !== kind) continue;
    values.push(
      text.slice((fields.valueStart[index] as number) - start, (fields.valueEnd[index] as number) - start),
    );
  }
  return values;
}

/** Random bytes are cheap by the thousand. */
const random = Buffer.alloc(4096);
let used = random.length;

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    crypto.getRandomValues(random);
    used = 0;
  }
  used += bytes;
  return random.toString("hex", used - bytes, used);
}
