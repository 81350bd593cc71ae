// What a swarm refuses, or reports of a task, in words with what to do; what is a single engine's, docker/engine-errors.ts
// knows.
import { engineTrouble, knownTrouble, messageOf, statusOf } from "../docker/engine-errors.ts";

type Rule = readonly [pattern: RegExp, words: (match: RegExpExecArray) => string];

/** Tried in order. */
const rules: readonly Rule[] = [
  [
    /network (\S+) not found/i,
    ([, network]) =>
      `there is no network ${network}: make it with "docker network create --driver overlay --attachable ${network}"`,
  ],
  [
    /swarm is encrypted|swarm is locked/i,
    () => 'the swarm is locked: unlock it with "docker swarm unlock" on this manager',
  ],
  [
    /not a swarm manager|not part of a swarm/i,
    () =>
      'this Docker engine manages no swarm (any more): "docker swarm init" makes one; where there is one, set DOCKER_HOST to a manager of it',
  ],
  [
    /service (\S+) already exists/i,
    ([, name]) =>
      `the name ${name} is taken by a service that is not of this fleet: remove it with "docker service rm ${name}", or set --container-prefix`,
  ],
  [
    /name must be valid as a DNS name component|name must be 63 characters or fewer/i,
    () =>
      'a service cannot have that name: letters, digits, "-" and "_", at most 63, ending with a letter or digit; rename the replica, or set another --container-prefix',
  ],
  [
    /no leader|deadline exceeded|lost (?:the )?quorum/i,
    () =>
      'the swarm has no leader, since too few of its managers answer: look at "docker node ls" on each of them',
  ],
];

function known(message: string): string | undefined {
  for (const [pattern, words] of rules) {
    const match = pattern.exec(message);
    if (match !== null) return words(match);
  }
  return undefined;
}

/** @param where the engine's address, for people */
export function swarmTrouble(error: unknown, where: string): string {
  const words = statusOf(error) === undefined ? undefined : known(messageOf(error));
  return words ?? engineTrouble(error, where);
}

/**
 * Why a task did not start, from its own error.
 * @param node host name of the node on which it was tried
 */
export function taskTrouble(message: string, node: string): string {
  if (/No such image|pull access denied|manifest unknown|repository does not exist/i.test(message))
    return `the node ${node} has no such image and cannot fetch it (${message.trim()}): push the image to a registry that all nodes reach and "docker pull" it on this manager, or load it on every node`;
  return knownTrouble(message) ?? `the node ${node} refused (${message.trim()})`;
}

/** By what the service with that name is found; undefined: the error is about something else. */
export function serviceOfName(error: unknown): string | undefined {
  if (statusOf(error) !== 409) return undefined;
  return /service (\S+) already exists/i.exec(messageOf(error))?.[1];
}
