// Replies of the course project's contract: `{"message": …, "status": "success" | "failure"}`, every failure 400.
import { problemOf } from "../problem.ts";
import type { Answer } from "../service.ts";

/** A failure whose words are the contract's own. */
export class CourseFailure extends Error {}

/** `more`: further fields, after the message. */
export function success(message: unknown, more: Readonly<Record<string, unknown>> = {}): Answer {
  const body = JSON.stringify({ message, ...more, status: "success" });
  return { status: 200, type: "application/json", body };
}

export function failure(message: string): Answer {
  return { status: 400, type: "application/json", body: JSON.stringify({ message, status: "failure" }) };
}

export const failureOf = (error: unknown): Answer =>
  failure(error instanceof CourseFailure ? error.message : problemOf(error).message);

/** True for an error with this code, ours or another broker's. */
export const hasCode = (error: unknown, code: string): boolean => (error as { code?: unknown }).code === code;
