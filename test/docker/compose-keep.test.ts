// Replicas that are told to outlive their front door (--on-exit keep): it can be restarted, or made anew from another
// image, and no replica notices.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ComposeProject, composeProject } from "./compose-project.ts";
import { agreed, seatsOf } from "./compose-view.ts";
import { builtImage, withoutDocker } from "./docker.ts";

describe("the compose file with --on-exit keep", { skip: withoutDocker, timeout: 240_000 }, () => {
  let project: ComposeProject;

  before(async () => {
    project = await composeProject(await builtImage(), "--on-exit keep --replicas 2");
    await project.make("up");
  });
  after(() => project?.remove());

  test("a restart as asked leaves the containers alone, and make down removes them", async () => {
    await agreed(project, 2);
    const [replicas, seats] = [await project.replicas(), await seatsOf(project)];
    await project.compose("restart");
    await agreed(project, 2);
    assert.deepEqual(await project.replicas(), replicas);
    assert.deepEqual(await seatsOf(project), seats);
    await project.make("down");
    assert.deepEqual(
      (await project.leftovers()).filter((line) => !line.startsWith("volume")),
      [],
    );
  });
});
