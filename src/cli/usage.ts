// Arguments that commander leaves to us, and the error for those that cannot be used.
import { RoundhouseError } from "../errors.ts";

/** An error of the command line: exit code 2. */
export function usage(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}

/** A flag's value as a whole number from 0 to `max`. */
export function wholeNumber(flag: string, text: string, max = 9_999_999): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= max) return Number(text);
  throw usage(`${flag} is "${text}"; accepted: a whole number from 0 to ${max}`);
}
