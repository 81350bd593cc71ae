// What the Docker engine refuses, in words with what to do. Docker's own texts are matched where its status says too
// little; one that is not known is passed on as it is.

/** As docker-modem gives them: a status and the engine's message, or a socket's error code. */
interface EngineError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly json?: { readonly message?: string } | null;
  readonly message?: string;
}

/** @param where the engine's address, for people */
export function engineTrouble(error: unknown, where: string): string {
  const { code, statusCode } = error as EngineError;
  if (statusCode === undefined) return unreachable(code, where, messageOf(error));
  return refusal(statusCode, messageOf(error));
}

export function statusOf(error: unknown): number | undefined {
  return (error as EngineError).statusCode;
}

/** The name is another container's: its id, or undefined when the error is about something else. */
export function holderOfName(error: unknown): string | undefined {
  if (statusOf(error) !== 409) return undefined;
  return /is already in use by container "?([0-9a-f]+)/.exec(messageOf(error))?.[1];
}

export function messageOf(error: unknown): string {
  const { json, message = String(error) } = error as EngineError;
  return json?.message ?? message;
}

function unreachable(code: string | undefined, where: string, message: string): string {
  switch (code) {
    case "ENOENT":
      return `there is no Docker engine at ${where} (no such socket): start Docker, mount its socket if this runs in a container, or set DOCKER_HOST`;
    case "ECONNREFUSED":
      return `no Docker engine listens at ${where} (connection refused): start it, or set DOCKER_HOST to where it is`;
    case "EACCES":
    case "EPERM":
      return `the Docker engine at ${where} may not be used (permission denied): join the group that owns the socket, usually "docker", or run as a user who may`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the Docker engine's host in DOCKER_HOST=${where} is not known: check its name`;
    case "ETIMEDOUT":
      return `the Docker engine at ${where} does not answer (${message}): look at its own log`;
    default:
      return `the connection to the Docker engine at ${where} was lost (${message}): look whether it runs`;
  }
}

type Rule = readonly [pattern: RegExp, words: (match: RegExpExecArray) => string];

/** Tried in order. */
const rules: readonly Rule[] = [
  [
    /no space left on device/i,
    () => 'the Docker engine\'s disk is full: free some, for example with "docker system prune"',
  ],
  [
    /No such image: (\S+?):?(?:\s|$)/i,
    ([, image]) => `there is no image ${image} on the Docker engine: build it, or "docker pull ${image}"`,
  ],
  [
    /network (\S+) not found/i,
    ([, network]) => `there is no network ${network}: make it with "docker network create ${network}"`,
  ],
  [
    /name "\/?([^"]+)" is already in use by container "?([0-9a-f]{1,12})/i,
    ([, name, id]) =>
      `the name ${name} is taken by the container ${id}, which is not of this fleet: remove it with "docker rm -f ${name}", or set --container-prefix`,
  ],
  [
    /exec: "?([^":]+)"?: (?:executable file not found|stat .*no such file)/i,
    ([, program]) => `the image has no program "${program}" in its PATH: check the command after --`,
  ],
  [
    /exec: "?([^":]+)"?: permission denied/i,
    ([, program]) => `"${program}" in the image is not an executable file: check the command after --`,
  ],
  [
    /Minimum memory limit allowed is (\S+)/i,
    ([, least]) => `the memory limit is too small for Docker: --memory must be at least ${least}`,
  ],
  [
    /Range of CPUs is from (\S+) to (\S+?),/i,
    ([, least, most]) => `the Docker engine has other CPUs: --cpus may be from ${least} to ${most}`,
  ],
  [
    /Address already in use|no available (?:IPv4 )?addresses|could not find an available/i,
    () => "the network has no free address left: make one with a larger subnet, or remove containers from it",
  ],
];

/** What is known of the engine's text; undefined: nothing. */
export function knownTrouble(message: string): string | undefined {
  for (const [pattern, words] of rules) {
    const match = pattern.exec(message);
    if (match !== null) return words(match);
  }
  return undefined;
}

function refusal(status: number, message: string): string {
  const known = knownTrouble(message);
  if (known !== undefined) return known;
  if (status === 401 || status === 403) {
    return `the Docker engine forbids it (${message}): what stands before it, such as a socket proxy, must allow containers to be listed, created, started, stopped and removed, and images, networks and events to be read`;
  }
  return `the Docker engine refused (${status}): ${message.trim()}`;
}
