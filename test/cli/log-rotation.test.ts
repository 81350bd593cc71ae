// Log rotation as logrotate does it: the files are moved away, and SIGUSR2 has them opened anew.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, up } from "./roundhouse-process.ts";

test("SIGUSR2 opens the access log and the replicas' log file anew, and ends nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-rotation-"));
  const [access, output] = [join(folder, "access.log"), join(folder, "output.log")];
  const chatty = `
    const { PORT, SERVER_ID } = process.env;
    require("node:http").createServer((request, response) => {
      console.log(request.url);
      response.end(SERVER_ID);
    }).listen(Number(PORT));`;
  const door = await up([
    "-n",
    "1",
    "--access-log",
    access,
    "--log-file",
    output,
    "--",
    process.execPath,
    "-e",
    chatty,
  ]);
  const tells = (file: string, text: string) =>
    existsSync(file) && readFileSync(file, "latin1").includes(text);
  try {
    await fetch(`${door.url}/before`);
    await eventually("both tell of it", () => tells(access, "/before") && tells(output, "/before"));
    for (const file of [access, output]) renameSync(file, `${file}.1`);
    door.signal("SIGUSR2");
    await eventually("both are there again", () => existsSync(access) && existsSync(output));
    await fetch(`${door.url}/after`);
    await eventually("both tell of it", () => tells(access, "/after") && tells(output, "/after"));
    for (const file of [access, output]) {
      assert.ok(!tells(file, "/before"), file);
      assert.ok(!tells(`${file}.1`, "/after"), file);
    }
  } finally {
    await door.stop();
    rmSync(folder, { recursive: true });
  }
});
