// One line of the access log. Pure. Everything that a client may have chosen is escaped, so that no request can end a
// line, forge a field, or speak to the terminal of whoever reads the log: what is not printable ASCII never appears.

/** One request, as the log tells it; texts are latin1, a character for a byte. */
export interface AccessRecord {
  /** When it was over, in ms since the Unix epoch. */
  readonly timeMs: number;
  readonly client: string;
  readonly method: string;
  readonly target: string;
  readonly http: string;
  readonly status: number;
  /** Of the bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  /** The replica that was asked last, and for how long; null: nobody was. */
  readonly upstream: string | null;
  readonly upstreamMs: number;
  readonly retries: number;
  /** Of the ring; null where no key decided. */
  readonly slot: number | null;
  readonly requestId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly userAgent: string;
  readonly referer: string;
  /** `ok`, `tunnel`, `own`, `truncated`, `client-gone`. */
  readonly ending: string;
  /** Why an answer is our own. */
  readonly reason: string;
}

export type AccessFormat = "json" | "combined";

/** Longer texts are cut; a line has four of them. */
const textMax = 2048;

export function accessLine(record: AccessRecord, format: AccessFormat): string {
  return format === "json" ? jsonLine(record) : combinedLine(record);
}

function jsonLine(record: AccessRecord): string {
  const { upstream, slot } = record;
  return (
    `{"time":"${isoTime(record.timeMs)}","client":${quoted(record.client)},"method":${quoted(record.method)}` +
    `,"target":${quoted(record.target)},"http":"${record.http}","status":${record.status}` +
    `,"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut},"durationMs":${rounded(record.durationMs)}` +
    `,"upstream":${upstream === null ? "null" : quoted(upstream)},"upstreamMs":${rounded(record.upstreamMs)}` +
    `,"retries":${record.retries},"slot":${slot},"requestId":${quoted(record.requestId)}` +
    `,"traceId":${quoted(record.traceId)},"spanId":${quoted(record.spanId)}` +
    `,"userAgent":${quoted(record.userAgent)},"referer":${quoted(record.referer)}` +
    `,"ending":"${record.ending}","reason":${quoted(record.reason)}}\n`
  );
}

/** As Apache and nginx have it, so that their readers can read it. */
function combinedLine(record: AccessRecord): string {
  const request =
    record.target === "" ? "-" : `${escaped(record.method)} ${escaped(record.target)} HTTP/${record.http}`;
  return (
    `${escaped(record.client) || "-"} - - [${clfTime(record.timeMs)}] "${request}" ${record.status} ${record.bytesOut}` +
    ` "${escaped(record.referer) || "-"}" "${escaped(record.userAgent) || "-"}"\n`
  );
}

/** Neither `"` nor `\`, nor anything but printable ASCII. */
const harmless = /^[ !#-[\]-~]*$/;

/** As a JSON string. */
function quoted(text: string): string {
  if (text.length <= textMax && harmless.test(text)) return `"${text}"`;
  return `"${cut(text).replace(/[^ !#-[\]-~]/g, (character) => `\\u${hex(character).padStart(4, "0")}`)}"`;
}

/** As nginx escapes. */
function escaped(text: string): string {
  if (text.length <= textMax && harmless.test(text)) return text;
  return cut(text).replace(
    /[^ !#-[\]-~]/g,
    (character) => `\\x${hex(character).toUpperCase().padStart(2, "0")}`,
  );
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16);
}

function cut(text: string): string {
  return text.length > textMax ? `${text.slice(0, textMax)}...` : text;
}

/** Microseconds are enough. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

let secondS = Number.NaN;
let isoSecond = "";
let clfSecond = "";

/** Both forms are made once a second. */
function enterSecond(timeMs: number): void {
  const nowS = Math.floor(timeMs / 1000);
  if (nowS === secondS) return;
  secondS = nowS;
  const iso = new Date(nowS * 1000).toISOString();
  isoSecond = iso.slice(0, 19);
  const month = months[Number(iso.slice(5, 7)) - 1];
  clfSecond = `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function isoTime(timeMs: number): string {
  enterSecond(timeMs);
  return `${isoSecond}.${String(Math.floor(timeMs) % 1000).padStart(3, "0")}Z`;
}

function clfTime(timeMs: number): string {
  enterSecond(timeMs);
  return clfSecond;
}
