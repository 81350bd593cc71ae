// The Docker engine, through dockerode, which is loaded only when somebody asks for containers. DOCKER_HOST,
// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH are honoured as Docker's own client does. No call waits for ever: an engine
// that hangs must not take the fleet with it.
import type Docker from "dockerode";
import { RoundhouseError } from "../../../errors.ts";
import { engineTrouble } from "./engine-errors.ts";

/** For one call, in ms. Starting a container on a busy machine takes seconds. */
const callDeadlineMs = 15_000;

export interface Engine {
  readonly docker: Docker;
  /** For people: `unix:///var/run/docker.sock`. */
  readonly where: string;
}

/** Throws BAD_CONFIG when DOCKER_HOST makes no sense, and START_FAILED when no engine answers there. */
export async function connectEngine(): Promise<Engine> {
  const engine = { docker: await openClient(), where: process.env.DOCKER_HOST ?? defaultSocket };
  try {
    await within(engine.docker.ping());
  } catch (cause) {
    throw new RoundhouseError("START_FAILED", engineTrouble(cause, engine.where), { retryable: true, cause });
  }
  return engine;
}

const defaultSocket =
  process.platform === "win32" ? "npipe:////./pipe/docker_engine" : "unix:///var/run/docker.sock";

async function openClient(): Promise<Docker> {
  const { default: Client } = await import("dockerode");
  try {
    return new Client();
  } catch (cause) {
    const { message } = cause as Error;
    throw new RoundhouseError(
      "BAD_CONFIG",
      `DOCKER_HOST is ${JSON.stringify(process.env.DOCKER_HOST)} and cannot be used (${message}): write unix:///path/to/docker.sock or tcp://host:port`,
      { cause },
    );
  }
}

/** The call's outcome, or an error that says that the engine did not answer in time. */
export function within<T>(call: Promise<T>, deadlineMs = callDeadlineMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error(`no answer within ${deadlineMs} ms`), { code: "ETIMEDOUT" }));
    }, deadlineMs);
  });
  return Promise.race([call, late]).finally(() => clearTimeout(timer));
}
