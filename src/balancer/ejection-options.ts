// The defaults of ejection, and why they are what they are. What each setting means is in ejection.ts.
import type { Config } from "./config.ts";
import type { EjectorParts } from "./ejector.ts";

export type EjectionSettings = Pick<EjectorParts, "policy" | "latencyWindowMs">;

/** Null: nobody is ejected. */
export function settleEjection({ ejection = {} }: Pick<Config, "ejection">): EjectionSettings | null {
  if (ejection.mode === "off") return null;
  return {
    policy: {
      failuresMax: limit(ejection.failuresMax, 5),
      // Envoy's number. One success in between starts the count anew, so a replica that serves at all is never met.
      gatewayErrorsMax: limit(ejection.gatewayErrorsMax, 5),
      // A 500 may be the request's own fault: a client that repeats it should not be able to move other clients' keys.
      serverErrorsMax: limit(ejection.serverErrorsMax, 20),
      // Replicas serve different keys, so they may rightly differ in speed: comparing them is the user's choice.
      latencyFactor: limit(ejection.latencyFactor, Number.POSITIVE_INFINITY),
      latencyFloorMs: ejection.latencyFloorMs ?? 20,
      latencyRequestsMin: ejection.latencyRequestsMin ?? 100,
      ejectionMs: ejection.ejectionMs ?? 30_000,
      ejectionMsMax: ejection.ejectionMsMax ?? 300_000,
      ejectedPercentMax: ejection.ejectedPercentMax ?? 10,
      panicPercent: ejection.panicPercent ?? 50,
    },
    latencyWindowMs: ejection.latencyWindowMs ?? 10_000,
  };
}

function limit(value: number | "off" | undefined, otherwise: number): number {
  return value === "off" ? Number.POSITIVE_INFINITY : (value ?? otherwise);
}
