// Why a listener could not be opened, and what to do about it, in words.
import { RoundhouseError } from "../errors.ts";

/**
 * @param what the listener, as in "Cannot open the front door on …"
 * @param option the command line's option for its port
 */
export function listenError(
  cause: unknown,
  what: string,
  option: string,
  host: string,
  port: number,
): RoundhouseError {
  const code = (cause as NodeJS.ErrnoException).code;
  const where = `Cannot open the ${what} on ${host}:${port}`;
  if (code === "EADDRINUSE") {
    const advice = `another program listens there; stop it, or choose another port with ${option} (0 takes a free one)`;
    return new RoundhouseError("PORT_IN_USE", `${where}: the port is in use: ${advice}`, { cause });
  }
  const reasons: Record<string, string> = {
    EACCES: `this user may not use port ${port}; choose one above 1023 with ${option}`,
    EADDRNOTAVAIL: `no network interface of this machine has the address ${host}; try 127.0.0.1 or 0.0.0.0`,
    ENOTFOUND: `the name ${host} is not known; give an address such as 127.0.0.1`,
  };
  const reason = reasons[code ?? ""] ?? (cause as Error).message;
  return new RoundhouseError("BAD_CONFIG", `${where}: ${reason}`, { cause });
}
