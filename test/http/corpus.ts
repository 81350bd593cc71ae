// All vectors, each id once.

import { answerFraming } from "./vectors/answer-framing.ts";
import type { AnswerVector } from "./vectors/answer-vector.ts";
import { answers } from "./vectors/answers.ts";
import { chunks } from "./vectors/chunks.ts";
import { exchanges } from "./vectors/exchanges.ts";
import { fields } from "./vectors/fields.ts";
import { hosts } from "./vectors/hosts.ts";
import { lengths } from "./vectors/lengths.ts";
import { limits } from "./vectors/limits.ts";
import { lines } from "./vectors/lines.ts";
import { smuggling } from "./vectors/smuggling.ts";
import { targets } from "./vectors/targets.ts";
import type { RequestVector } from "./vectors/vector.ts";

/** What clients send. */
export const requestVectors: readonly RequestVector[] = unique([
  ...lines,
  ...targets,
  ...fields,
  ...hosts,
  ...lengths,
  ...smuggling,
  ...chunks,
  ...exchanges,
  ...limits,
]);

/** What upstreams answer. */
export const answerVectors: readonly AnswerVector[] = unique([...answers, ...answerFraming]);

function unique<T extends { readonly id: string }>(vectors: readonly T[]): readonly T[] {
  const ids = new Set<string>();
  for (const { id } of vectors) {
    if (ids.has(id)) throw new TypeError(`Two vectors have the id "${id}"; choose another for one of them`);
    ids.add(id);
  }
  return vectors;
}
