// RoundhouseErrors between processes: as plain data, and back.
import { type ErrorCode, RoundhouseError } from "../../errors.ts";
import type { ErrorText } from "./messages.ts";

export function toErrorText(error: unknown): ErrorText {
  if (error instanceof RoundhouseError) {
    const { code, message, source, retryable } = error;
    return { code, message, source, retryable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "STORE_FAILED", message, source: "internal", retryable: false };
}

/** The text comes from a process of our own, so its code is one of ours. */
export function fromErrorText({ code, message, source, retryable }: ErrorText): RoundhouseError {
  return new RoundhouseError(code as ErrorCode, message, {
    source: source === "downstream" || source === "upstream" ? source : "internal",
    retryable,
  });
}
