// Runs the built-in replica until a signal: what `roundhouse serve` does, from flags or environment.
import { RoundhouseError } from "../errors.ts";
import { serveUntilSignalled } from "./server.ts";

export interface ServeFlags {
  readonly port?: string;
  readonly host?: string;
  readonly id?: string;
}

/** Runs until SIGTERM or SIGINT, then finishes the requests in flight. Flags win over PORT, HOST, SERVER_ID and ID. */
export async function serve(flags: ServeFlags = {}): Promise<void> {
  const { env } = process;
  const id = flags.id ?? env.SERVER_ID ?? env.ID ?? "";
  const host = flags.host ?? env.HOST ?? "127.0.0.1";
  const port = portFrom(flags.port ?? env.PORT ?? "8080");
  const server = await serveUntilSignalled({ host, port, id }).catch((cause: NodeJS.ErrnoException) => {
    const advice = cause.code === "EADDRINUSE" ? "; choose another with --port or PORT" : "";
    const message = `Cannot listen on ${host}:${port}: ${cause.message}${advice}`;
    throw new RoundhouseError("PORT_IN_USE", message, { cause });
  });
  process.stdout.write(`Replica ${JSON.stringify(id)} listens on http://${host}:${server.port}\n`);
}

function portFrom(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new RoundhouseError(
    "BAD_CONFIG",
    `The port is "${text}"; accepted: a number from 0 to 65535, by --port or PORT`,
    { source: "downstream" },
  );
}
