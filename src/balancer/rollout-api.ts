// Roll-outs and restarts of single replicas, on the admin listener. Routes like those of admin-api.ts; what they set in
// motion is in fleet/rollout.ts.
import { z } from "zod";
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { AdminRoute } from "../telemetry/admin.ts";
import { type AuthorizationPolicy, tokenRefusal } from "./authorization.ts";
import { present } from "./options.ts";

export interface RolloutApiParts {
  readonly fleet: Pick<Fleet, "rollOut" | "abortRollout" | "rolloutReport" | "restart">;
  readonly policy: AuthorizationPolicy;
}

/** `POST /api/v1/replicas/NAME/restart`. */
export interface RestartReport {
  readonly name: string;
  /** Who has its seat now. */
  readonly replacedBy: string;
}

/** The body of `POST /api/v1/rollout`; empty: a rolling restart. */
const requestSchema = z.strictObject({
  image: z.string().min(1).max(1_000).optional(),
  command: z.array(z.string()).min(1).max(1_000).optional(),
  batch: z.int().min(1).max(10_000).optional(),
  settleMs: z.int().min(0).max(3_600_000).optional(),
  deadlineMs: z.int().min(100).max(3_600_000).optional(),
});

/** @param route guards an answer like those of the other routes */
export function rolloutApi(
  { fleet, policy }: RolloutApiParts,
  route: (answer: AdminRoute["answer"]) => AdminRoute,
): Readonly<Record<string, AdminRoute>> {
  const begin = route((_query, body) => {
    const { image, command, ...plan } = requestIn(body);
    return fleet.rollOut(present({ image, command }), present(plan));
  });
  return {
    "GET /api/v1/rollout": route(() => fleet.rolloutReport()),
    // Who may have any program run may do whatever the front door's user may: being on this machine is not enough.
    "POST /api/v1/rollout": {
      ...begin,
      refuseBody: ({ headers }, body) => (namesProgram(body) ? tokenRefusal(headers, policy) : null),
    },
    "DELETE /api/v1/rollout": route(() => fleet.abortRollout()),
    "POST /api/v1/replicas/*/restart": route(
      async (_query, _body, name): Promise<RestartReport> => ({
        name,
        replacedBy: await fleet.restart(name),
      }),
    ),
  };
}

function namesProgram(body: unknown): boolean {
  return typeof body === "object" && body !== null && ("image" in body || "command" in body);
}

function requestIn(body: unknown): z.infer<typeof requestSchema> {
  const parsed = requestSchema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "the body" : issue.path.join(".");
  throw new RoundhouseError(
    "BAD_REQUEST",
    `Cannot roll out: ${where}: ${issue?.message ?? "not understood"}; accepted: image (text), command (a list of words), batch (1 to 10000), settleMs, deadlineMs`,
    { source: "downstream" },
  );
}
