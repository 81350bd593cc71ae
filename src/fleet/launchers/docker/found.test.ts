import assert from "node:assert/strict";
import { test } from "node:test";
import { label } from "./container-spec.ts";
import { type FoundContainer, fleetFrom, foundContainer, howEnded } from "./found.ts";

let age = 0;
function container(name: string, seat: number, more: Partial<FoundContainer> = {}): FoundContainer {
  age += 1;
  return {
    id: `id-${name}`,
    name,
    seat,
    state: "running",
    end: "",
    spec: "s",
    replicasConfigured: 3,
    createdS: age,
    ...more,
  };
}

const shown = (found: readonly FoundContainer[]) =>
  fleetFrom(found)?.replicas.map(({ name, seat }) => `${name}@${seat}`);

test("nothing found: nothing is desired beyond what is configured", () => {
  assert.equal(fleetFrom([]), null);
});

test("names and seats are as they were, in the order of joining, and the newest says what was configured", () => {
  const found = [container("S1", 1), container("S3", 3), container("Rabc", 2, { replicasConfigured: 5 })];
  assert.deepEqual(shown(found.reverse()), ["S1@1", "S3@3", "Rabc@2"]);
  assert.equal(fleetFrom(found)?.replicasConfigured, 5);
});

test("one that has died meanwhile is still desired; had it been removed, its container would be gone", () => {
  assert.deepEqual(shown([container("S1", 1), container("S2", 2, { state: "ended" })]), ["S1@1", "S2@2"]);
});

test("of two on one seat the one that runs counts, or the younger", () => {
  const dead = container("S1", 1, { state: "ended", createdS: 900 });
  assert.deepEqual(shown([dead, container("R1", 1)]), ["R1@1"]);
  assert.deepEqual(shown([container("S2", 2), container("R2", 2)]), ["R2@2"]);
});

test("a spare is kept for a seat that nobody holds, and not beyond the count that was configured", () => {
  const spares = [container("W1", 0), container("W2", 0)];
  assert.deepEqual(shown([container("S1", 1), container("S3", 3), ...spares]), ["W1@2", "S1@1", "S3@3"]);
  const full = [container("A", 1), container("B", 2), container("C", 3), container("W3", 0)];
  assert.deepEqual(shown(full), ["A@1", "B@2", "C@3"]);
});

test("what the engine lists is read, labels that make no sense included", () => {
  const listed = (State: string, Status: string, seat = "2") =>
    foundContainer({
      Id: "abc",
      Labels: {
        [label.replica]: "S2",
        [label.seat]: seat,
        [label.spec]: "f00",
        [label.replicas]: "3",
      } as Record<string, string>,
      State,
      Status,
      Created: 7,
    } as Parameters<typeof foundContainer>[0]);
  const up = {
    id: "abc",
    name: "S2",
    seat: 2,
    state: "running",
    end: "",
    spec: "f00",
    replicasConfigured: 3,
    createdS: 7,
  };
  assert.deepEqual(listed("running", "Up 3 seconds"), up);
  assert.equal(listed("paused", "Up 3 seconds (Paused)").state, "running");
  assert.equal(listed("created", "Created").state, "made");
  assert.equal(listed("exited", "Exited (137) 3 seconds ago").end, "was ended by SIGKILL");
  assert.equal(listed("exited", "Exited (3) 3 seconds ago").end, "exited with code 3");
  assert.equal(listed("dead", "Dead").end, "is no longer running (dead)");
  assert.equal(listed("running", "Up 3 seconds", "x").seat, 0);
});

test("an exit code above 128 is a signal", () => {
  assert.equal(howEnded(0), "exited with code 0");
  assert.equal(howEnded(143), "was ended by SIGTERM");
});
