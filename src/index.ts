// The public entry of the package. The ring alone is `roundhouse-lb/ring`.
export { type Config, defineConfig, type KeyFunction, type KeyRequest } from "./balancer/config.ts";
export { type ErrorCode, type ErrorSource, RoundhouseError } from "./errors.ts";
