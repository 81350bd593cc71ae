// The public entry of the package.
export { RoundhouseError } from "./errors.ts";
