// What an operator has done for tablets, by their numbers: letting those that were set aside be tried again.
import { RoundhouseError } from "../../errors.ts";
import type { ReleasedTablet } from "../control-command.ts";

export interface ReleaseParts {
  readonly tabletCount: number;
  isSetAside(tablet: number): boolean;
  /** Why it was, in words. */
  reasonOf(tablet: number): string | null;
  /** Resolves to its owner when it is served, to null when it is set aside again or nobody has served it in time. */
  tryAgain(tablet: number): Promise<string | null>;
}

/** Tries this tablet, or each that is set aside, and tells how each trial has ended. */
export async function releaseTablets(
  tablet: number | null,
  parts: ReleaseParts,
): Promise<readonly ReleasedTablet[]> {
  const aside = Array.from({ length: parts.tabletCount }, (_, one) => one).filter(parts.isSetAside);
  if (tablet !== null) requireSetAside(tablet, aside, parts.tabletCount);
  const tried = tablet === null ? aside : [tablet];
  return Promise.all(
    tried.map(async (one) => {
      const owner = await parts.tryAgain(one);
      return { tablet: one, owner, reason: owner === null ? parts.reasonOf(one) : null };
    }),
  );
}

function requireSetAside(tablet: number, aside: readonly number[], tabletCount: number): void {
  requireTablet(tablet, tabletCount);
  if (aside.includes(tablet)) return;
  const those = aside.length === 0 ? "none is" : `these are: ${aside.join(", ")}`;
  const text = `Cannot release tablet ${tablet}: it is not set aside; ${those}`;
  throw new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
}

export function requireTablet(tablet: number, tabletCount: number): void {
  if (tablet < tabletCount) return;
  const text = `Cannot find tablet ${tablet}: there are 0 to ${tabletCount - 1}`;
  throw new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
}
