// Replica names: which are allowed, and how random ones are made.
import { RoundhouseError } from "../errors.ts";

const allowed = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** Throws BAD_REQUEST when `name` is not one that a replica (and its container) can bear. */
export function checkName(name: string): void {
  if (allowed.test(name)) return;
  const seen = name.length > 80 ? `${name.slice(0, 80)}… (${name.length} characters)` : name;
  throw new RoundhouseError(
    "BAD_REQUEST",
    `Replica name ${JSON.stringify(seen)} is not allowed: use 1 to 63 letters, digits, "_", "." or "-", beginning with a letter or digit`,
    { source: "downstream" },
  );
}

/** A name like `R7f3k2a` that `taken` does not know. `draw` gives 0…1. */
export function randomName(draw: () => number, taken: (name: string) => boolean): string {
  for (;;) {
    const digits = Math.floor(draw() * 36 ** 6)
      .toString(36)
      .padStart(6, "0");
    const name = `R${digits}`;
    if (!taken(name)) return name;
  }
}
