// What a body of `POST /add` or `DELETE /rm` asks for: a count and names. Pure. Whether the names exist and whether
// there is room is the fleet's to say.
import { RoundhouseError } from "../errors.ts";
import { jsonErrorOffset } from "./json-error.ts";

/** `/add` or `/rm`: their messages differ. */
export type ReplicaVerb = "add" | "remove";

export interface ReplicaRequest {
  /** How many; 1 or more. */
  readonly count: number;
  /** Distinct, valid, at most `count`. */
  readonly names: readonly string[];
}

/** The contract's own words, literally. */
const tooManyNames: Record<ReplicaVerb, string> = {
  add: "Length of hostname list is more than newly added instances",
  remove: "Length of hostname list is more than removable instances",
};

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** Throws BAD_REQUEST, in words. */
export function parseReplicaRequest(
  verb: ReplicaVerb,
  contentType: string | undefined,
  body: Buffer | undefined,
): ReplicaRequest {
  const text = decodeBody(contentType, body);
  return checked(verb, looksLikeForm(contentType, text) ? readForm(text) : readFields(parseJson(text)));
}

/** The same for JSON that was parsed already. Throws BAD_REQUEST, in words. */
export function replicaRequestIn(verb: ReplicaVerb, body: unknown): ReplicaRequest {
  return checked(verb, readFields(body));
}

function checked(verb: ReplicaVerb, request: ReplicaRequest): ReplicaRequest {
  if (request.names.length > request.count) throw refuse(tooManyNames[verb]);
  request.names.forEach(checkName);
  const twice = request.names.find((name, index) => request.names.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(`The name ${JSON.stringify(twice)} is given twice`);
  return request;
}

function refuse(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}

/** The charset that the content type names, if it is one that is known; else UTF-8 (RFC 8259 §8.1). */
function decodeBody(contentType: string | undefined, body: Buffer | undefined): string {
  if (body === undefined || body.length === 0) {
    throw refuse('The body is empty; {"n":1,"hostnames":["S4"]} is expected');
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? "")?.[1] ?? "utf-8";
  try {
    return decoder(charset).decode(body).trim();
  } catch {
    throw refuse(`The body is not valid ${charset} text`);
  }
}

function decoder(charset: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    return new TextDecoder("utf-8", { fatal: true });
  }
}

/**
 * By what it is rather than by what it says it is: `curl -d '{"n":1}'` calls JSON a form, and many clients send no
 * content type. A form never begins with a bracket.
 */
function looksLikeForm(contentType: string | undefined, text: string): boolean {
  if (/^[[{"]/.test(text)) return false;
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") return true;
  return !type?.includes("json") && /^(server_id|n|hostnames(\[\])?)=/.test(text);
}

/** `server_id=a&server_id=b`, or the JSON's fields as form fields: `n=2&hostnames=a`. */
function readForm(text: string): ReplicaRequest {
  const form = new URLSearchParams(text);
  const names = ["server_id", "hostnames", "hostnames[]"].flatMap((field) => form.getAll(field));
  const n = form.get("n");
  if (n === null && names.length === 0) throw refuse("The form has neither server_id nor n");
  if (n !== null && !/^\d{1,15}$/.test(n)) throw badCount(n);
  return { count: checkCount(n === null ? names.length : Number(n)), names };
}

function readFields(body: unknown): ReplicaRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refuse(`The body is ${show(body)}; an object such as {"n":1,"hostnames":["S4"]} is expected`);
  }
  const { n, hostnames } = body as { n?: unknown; hostnames?: unknown };
  return { count: checkCount(n), names: readNames(hostnames) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const offset = jsonErrorOffset(text) ?? text.length;
    const near =
      offset < text.length ? `near ${JSON.stringify(text.slice(offset, offset + 20))}` : "at its end";
    throw refuse(`The body is not valid JSON: position ${offset}, ${near}`);
  }
}

function checkCount(n: unknown): number {
  if (typeof n === "number" && Number.isSafeInteger(n) && n >= 1) return n;
  throw badCount(n);
}

function badCount(n: unknown): RoundhouseError {
  const seen = n === undefined ? "n is missing" : `n is ${show(n)}`;
  return refuse(`${seen}; a whole number of at least 1 is needed`);
}

function readNames(hostnames: unknown): string[] {
  if (hostnames === undefined || hostnames === null) return [];
  if (!Array.isArray(hostnames)) throw refuse(`hostnames is ${show(hostnames)}; a list of names is needed`);
  return hostnames.map((name: unknown) => {
    if (typeof name === "string") return name;
    throw refuse(`hostnames has ${show(name)}; names are strings`);
  });
}

function checkName(name: string): void {
  if (namePattern.test(name)) return;
  throw refuse(
    `The name ${show(name)} cannot be used: 1 to 63 letters, digits, "_", "." or "-" are needed, the first a letter or digit`,
  );
}

/** The value as JSON, cut short. */
function show(value: unknown): string {
  if (typeof value === "string" && value.length > 70) return JSON.stringify(`${value.slice(0, 70)}…`);
  const text = typeof value === "number" ? String(value) : asJson(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}

/** JSON.parse takes lists nested deeper than JSON.stringify's stack reaches. */
function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "nothing";
  } catch {
    return "a value nested too deeply to show";
  }
}
