// The address that `npm run test:api` and `npm run test:2p2c` are given: `HOST`, or `HOST:PORT`.

export interface CourseHost {
  /** For everything. */
  readonly origin: string;
  /** For what consumers do; the same where a port is named. */
  readonly readOrigin: string;
}

/** Null when the text is no address. */
export function parseHost(text: string | undefined): CourseHost | null {
  const host = text?.replace(/^http:\/\//, "").replace(/\/$/, "");
  if (!host || !URL.canParse(`http://${host}`)) return null;
  if (/:\d+$/.test(host)) return { origin: `http://${host}`, readOrigin: `http://${host}` };
  return { origin: `http://${host}:5000`, readOrigin: `http://${host}:5001` };
}
