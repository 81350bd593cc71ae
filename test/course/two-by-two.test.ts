// `npm run test:2p2c` against a small server that speaks the contract: it passes on a sound one that loses answers, and
// fails on one that drops a message.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { type StandInOptions, startStandIn } from "./stand-in.ts";

async function twoByTwo(options: StandInOptions): Promise<{ code: number; stdout: string }> {
  const queue = await startStandIn(options);
  const main = fileURLToPath(new URL("./two-by-two.ts", import.meta.url));
  const args = ["--import", "tsx", main, `127.0.0.1:${queue.port}`];
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, args, (error, stdout) =>
        resolve({ code: Number(error?.code ?? 0), stdout }),
      );
    });
  } finally {
    await queue.close();
  }
}

it("two producers and two consumers agree on a sound queue, and find a dropped message", async () => {
  const [sound, unsound] = await Promise.all([
    twoByTwo({ losesAnswer: (n) => n % 7 === 3 && n > 20 }),
    twoByTwo({ drops: (message) => message.endsWith("00007") }),
  ]);
  assert.equal(sound.code, 0, sound.stdout);
  assert.match(sound.stdout, /T1:P1 → broker0, \d+ messages\n[\s\S]*All test cases are passed\n$/);
  assert.equal(unsound.code, 1, unsound.stdout);
  assert.match(unsound.stdout, /p1-\w+-00007 is there 0 times\n[\s\S]*Some test cases are failed\n$/);
});
