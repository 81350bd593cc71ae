// What an operator has done for tablets, by their numbers: letting those that were quarantined be tried again.
import { RoundhouseError } from "../../errors.ts";
import type { ReleasedTablet } from "../control-command.ts";

export interface ReleaseParts {
  readonly tabletCount: number;
  isQuarantined(tablet: number): boolean;
  /** Why it was, in words. */
  reasonOf(tablet: number): string | null;
  /** Resolves to its owner when it is served, to null when it is quarantined again or nobody has served it in time. */
  tryAgain(tablet: number): Promise<string | null>;
}

/** Tries this tablet, or each that is quarantined, and tells how each trial has ended. */
export async function releaseTablets(
  tablet: number | null,
  parts: ReleaseParts,
): Promise<readonly ReleasedTablet[]> {
  const quarantined = Array.from({ length: parts.tabletCount }, (_, one) => one).filter(parts.isQuarantined);
  if (tablet !== null) requireQuarantined(tablet, quarantined, parts.tabletCount);
  const tried = tablet === null ? quarantined : [tablet];
  return Promise.all(
    tried.map(async (one) => {
      const owner = await parts.tryAgain(one);
      return { tablet: one, owner, reason: owner === null ? parts.reasonOf(one) : null };
    }),
  );
}

function requireQuarantined(tablet: number, quarantined: readonly number[], tabletCount: number): void {
  requireTablet(tablet, tabletCount);
  if (quarantined.includes(tablet)) return;
  const those = quarantined.length === 0 ? "none is" : `these are: ${quarantined.join(", ")}`;
  const text = `Cannot release tablet ${tablet}: it is not quarantined; ${those}`;
  throw new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
}

export function requireTablet(tablet: number, tabletCount: number): void {
  if (tablet < tabletCount) return;
  const text = `Cannot find tablet ${tablet}: there are 0 to ${tabletCount - 1}`;
  throw new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
}
