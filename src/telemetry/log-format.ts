// Turns a JSON log line into one for people at a terminal. Pure; what it does not understand it leaves as it is.

const colours: Record<string, string> = { debug: "\x1b[2m", info: "", warn: "\x1b[33m", error: "\x1b[31m" };
const reset = "\x1b[0m";

/** Fields that the message already tells, or that every line has. */
const left = new Set(["time", "level", "msg", "event", "reason", "from", "state", "replica"]);

/**
 * `{"time":"…T10:15:02.113Z","level":"warn","replica":"S2","seat":2,"msg":"S2 is dead: exited with code 1"}` becomes
 * `10:15:02 ! S2 is dead: exited with code 1  seat=2`. The line's newline is kept.
 */
export function formatLogLine(line: string, { colour = false } = {}): string {
  const record = parseRecord(line);
  if (record === null) return line;
  const level = String(record.level);
  const rest = Object.entries(record)
    .filter(([name]) => !left.has(name))
    .map(([name, value]) => `${name}=${printable(value)}`);
  const mark = level === "error" || level === "warn" ? "! " : "";
  const text = [`${clock(record.time)} ${mark}${printable(record.msg ?? "")}`, ...rest].join("  ");
  const paint = colour ? (colours[level] ?? "") : "";
  return paint === "" ? `${text}\n` : `${paint}${text}${reset}\n`;
}

function parseRecord(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The time of day of an ISO 8601 time; a log line at a terminal needs no date. */
function clock(time: unknown): string {
  return typeof time === "string" ? time.slice(11, 19) : "--:--:--";
}

/** Control characters (a replica may print anything) must not reach the terminal. */
function printable(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is being removed
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) =>
    character === "\t" ? " " : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
