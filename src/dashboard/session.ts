// Who the page is to the server: the token, kept for this tab only, and what may be done with it.
import type { SessionReport } from "../balancer/dashboard/dashboard.ts";
import { createCell } from "./cell.ts";

const storageKey = "roundhouse-token";

/** Null: not logged in. */
let token = sessionStorage.getItem(storageKey);

/** What may be done; null until the server has said so. */
export const session = createCell<SessionReport | null>(null);

/** The fields that requests carry. */
export function credentials(): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

export function isLoggedIn(): boolean {
  return token !== null;
}

/** Asks the server what may be done. Rejects when it does not answer. */
export async function refreshSession(): Promise<SessionReport> {
  const report = await askSession(credentials());
  session.set(report);
  return report;
}

/** Gives null, or why the token is not taken; then nothing has changed. */
export async function logIn(candidate: string): Promise<string | null> {
  // What a header field cannot hold was not the token.
  if (!/^[\x21-\x7e]+$/.test(candidate)) return "A token has no spaces, and only ASCII characters";
  const report = await askSession({ authorization: `Bearer ${candidate}` });
  if (report.changeRefusal !== null) return report.changeRefusal;
  token = candidate;
  sessionStorage.setItem(storageKey, candidate);
  session.set(report);
  return null;
}

export async function logOut(): Promise<void> {
  token = null;
  sessionStorage.removeItem(storageKey);
  await refreshSession();
}

async function askSession(headers: Record<string, string>): Promise<SessionReport> {
  const response = await fetch("/api/v1/session", { headers });
  if (!response.ok) throw new Error(`The server answered ${response.status} for the session`);
  return (await response.json()) as SessionReport;
}
