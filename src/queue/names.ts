// What topics, shards, consumers and brokers may be called.
import { RoundhouseError } from "../errors.ts";

/** Throws BAD_REQUEST. `what`: in the message. */
export function checkName(what: string, name: string): void {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..") return;
  throw new RoundhouseError(
    "BAD_REQUEST",
    `Cannot use ${JSON.stringify(name.slice(0, 60))} as the name of a ${what}: ` +
      "1 to 249 letters, digits, dots, underscores and hyphens are accepted, but not . and ..",
    { source: "downstream" },
  );
}
