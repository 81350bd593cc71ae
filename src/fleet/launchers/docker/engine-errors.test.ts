// The messages are those of real engines (20.10 and 28).
import assert from "node:assert/strict";
import { test } from "node:test";
import { engineTrouble, holderOfName } from "./engine-errors.ts";

const where = "unix:///var/run/docker.sock";

const sockets: readonly [code: string, words: RegExp][] = [
  [
    "ENOENT",
    /there is no Docker engine at unix:\/\/\/var\/run\/docker\.sock \(no such socket\): start Docker/,
  ],
  ["EACCES", /permission denied\): join the group that owns the socket, usually "docker"/],
  ["ECONNREFUSED", /no Docker engine listens at .* start it, or set DOCKER_HOST/],
  ["ENOTFOUND", /host in DOCKER_HOST=.* is not known/],
  ["ETIMEDOUT", /does not answer \(.*\): look at its own log/],
  ["ECONNRESET", /connection to the Docker engine at .* was lost/],
];

for (const [code, words] of sockets) {
  test(`a socket's ${code} in words`, () => {
    assert.match(engineTrouble(Object.assign(new Error(`connect ${code}`), { code }), where), words);
  });
}

const refusals: readonly [status: number, message: string, words: RegExp][] = [
  [404, "No such image: web:2", /there is no image web:2 .* build it, or "docker pull web:2"/],
  [404, "no such image: web:2: No such image: web:2", /build it, or "docker pull web:2"$/],
  [404, "network net1 not found", /there is no network net1: make it with "docker network create net1"/],
  [
    409,
    'Conflict. The container name "/S1" is already in use by container "0123456789abcdef". You have to remove (or rename) that container to be able to reuse that name.',
    /the name S1 is taken by the container 0123456789ab, .*"docker rm -f S1", or set --container-prefix/,
  ],
  [
    500,
    "Error response: mkdir /var/lib/docker/overlay2/x: no space left on device",
    /disk is full: free some/,
  ],
  [
    400,
    'OCI runtime create failed: runc create failed: unable to start container process: exec: "nodee": executable file not found in $PATH: unknown',
    /the image has no program "nodee" in its PATH/,
  ],
  [
    400,
    'OCI runtime create failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    /"\/etc\/passwd" in the image is not an executable file/,
  ],
  [400, "Minimum memory limit allowed is 6MB", /--memory must be at least 6MB/],
  [
    400,
    "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
    /--cpus may be from 0\.01 to 2\.00/,
  ],
  [403, "Forbidden", /forbids it \(Forbidden\): .*socket proxy, must allow containers to be listed/],
  [418, "something new", /refused \(418\): something new/],
];

for (const [statusCode, message, words] of refusals) {
  test(`${statusCode} ${message.slice(0, 40)} in words`, () => {
    const error = Object.assign(new Error(`(HTTP code ${statusCode}) x`), { statusCode, json: { message } });
    assert.match(engineTrouble(error, where), words);
  });
}

test("who has a name is read from the conflict, and from no other error", () => {
  const conflict = (statusCode: number) =>
    Object.assign(new Error('The container name "/S1" is already in use by container "0abc".'), {
      statusCode,
    });
  assert.equal(holderOfName(conflict(409)), "0abc");
  assert.equal(holderOfName(conflict(500)), undefined);
  assert.equal(holderOfName(new Error("other")), undefined);
});
