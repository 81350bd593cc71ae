// What each placement accepts, and the check of a caller's options against it. Members are members.ts's affair.
import { assignmentSlotsMax } from "./assignment.ts";
import type { PlacementName, RingOptions } from "./definitions.ts";
import { checkPrime, maglevSeatMax } from "./maglev.ts";
import { rendezvousSeatMax } from "./rendezvous.ts";

/** The greatest seat that each placement can hold. */
export const seatMax: Readonly<Record<PlacementName, number>> = {
  rendezvous: rendezvousSeatMax,
  assignment: Number.MAX_SAFE_INTEGER,
  ketama: Number.MAX_SAFE_INTEGER,
  maglev: maglevSeatMax,
  jump: Number.MAX_SAFE_INTEGER,
};

type OptionName = Exclude<keyof RingOptions, "placement" | "members">;

const accepted: Readonly<Record<PlacementName, readonly OptionName[]>> = {
  rendezvous: ["slots", "requestHash", "virtualNodeHash"],
  assignment: ["slots", "probing", "virtualNodes", "requestHash", "virtualNodeHash"],
  ketama: ["virtualNodes", "keyEncoding", "requestHash", "virtualNodeHash"],
  maglev: ["slots", "requestHash", "virtualNodeHash"],
  jump: ["requestHash"],
};

// 16,777,216: beyond it a rendezvous table takes more than 160 MB, and assignment's squares leave exact integers.
const slotsMax = assignmentSlotsMax;

/** The placement that the options name, once every option is found fit for it. */
export function checkOptions(options: RingOptions): PlacementName {
  const placement = options.placement ?? "rendezvous";
  if (!Object.hasOwn(accepted, placement)) {
    throw new RangeError(
      `There is no placement ${show(placement)}; choose ${Object.keys(accepted).join(", ")}`,
    );
  }
  for (const [name, value] of Object.entries(options)) checkOption(placement, name, value);
  if (placement === "maglev" && options.slots !== undefined) checkPrime(options.slots);
  refuseShortProbing(options);
  return placement;
}

function checkOption(placement: PlacementName, name: string, value: unknown): void {
  if (name === "placement" || name === "members" || value === undefined) return;
  if (!(accepted[placement] as readonly string[]).includes(name)) {
    throw new RangeError(
      `The placement ${placement} has no option ${name}; it takes ${accepted[placement].join(", ")}`,
    );
  }
  const [fits, wanted] = checks[name as OptionName];
  if (!fits(value))
    throw new RangeError(`Cannot make a ring with ${name} = ${show(value)}: ${wanted} is needed`);
}

const checks: Readonly<Record<OptionName, readonly [(value: unknown) => boolean, string]>> = {
  slots: [(value) => isInteger(value, slotsMax), `an integer from 1 to ${slotsMax}`],
  virtualNodes: [(value) => isInteger(value, 10_000), "an integer from 1 to 10000"],
  probing: [(value) => value === "linear" || value === "quadratic", "linear or quadratic"],
  keyEncoding: [(value) => value === "utf8" || value === "latin1", "utf8 or latin1"],
  requestHash: [(value) => typeof value === "function", "a function of a key"],
  virtualNodeHash: [(value) => typeof value === "function", "a function of a server id and a number"],
};

function isInteger(value: unknown, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

// Triangular steps reach every slot only where the number of slots is a power of two.
function refuseShortProbing({ probing, slots }: RingOptions): void {
  if (probing !== "quadratic" || slots === undefined || (slots & (slots - 1)) === 0) return;
  throw new RangeError(
    `Cannot probe ${slots} slots quadratically: a power of two is needed, or some slots are never tried; use linear probing`,
  );
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
