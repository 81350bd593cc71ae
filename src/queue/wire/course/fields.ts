// What the course project's clients send: JSON bodies without a content type, ids as numbers or as text.
import { parseJson } from "../json-scanner.ts";
import { CourseFailure } from "./reply.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** The body's object. */
export function bodyFields(body: Buffer): Fields {
  const value = parseJson(body);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new CourseFailure(
    `Cannot read the body: a JSON object is expected, not ${JSON.stringify(value).slice(0, 40)}`,
  );
}

export function queryFields(query: string): Fields {
  return Object.fromEntries(new URLSearchParams(query));
}

/** Checked as a name, so that it can be shown and looked up; its own rules are the control plane's. */
export function nameIn(fields: Fields, field: string): string {
  const value = fields[field];
  if (typeof value === "string" && value.length > 0) return value;
  throw new CourseFailure(`Cannot do this: the field "${field}" is missing; a name is expected`);
}

/** A part that is not given, or is `*`, stands for every shard. */
export function partIn(fields: Fields): string | null {
  const value = fields.part;
  if (value === undefined || value === null || value === "" || value === "*") return null;
  return nameIn(fields, "part");
}

/** A whole number, or the text of one. */
export function numberIn(fields: Fields, field: string): number {
  const value = fields[field];
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  const seen = value === undefined ? "it is missing" : `not ${JSON.stringify(value).slice(0, 40)}`;
  throw new CourseFailure(`Cannot do this: the field "${field}" must be a whole number; ${seen}`);
}

export const optionalNumberIn = (fields: Fields, field: string): number | undefined =>
  fields[field] === undefined || fields[field] === null ? undefined : numberIn(fields, field);
