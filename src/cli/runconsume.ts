#!/usr/bin/env node
// `runconsume`: writes what is produced from now on into `consumer_<id>.txt`, as the course project's tool of that name
// does.
import { createHttpClient } from "../queue/client/http.ts";
import { runConsume } from "../queue/client/run-consume.ts";
import { originsOf, runCourseCommand } from "./course-command.ts";
import { print } from "./output.ts";
import { progressLine } from "./progress.ts";

const help = `
Writes consumer_<id>.txt to --log_loc, a line per message: T1:P1, five spaces, the message. Ends after --timeout_s
without data, or on Ctrl-C; the file is complete in both cases. Without a port, --broker is asked on 5001, and on 5000
where 5001 does not answer.

Example: runconsume --id 1 --topics T1:* T2:P1 --broker 127.0.0.1 --log_loc ./test/EXP`;

await runCourseCommand(
  "runconsume",
  (command) =>
    command
      .description("writes what is produced from now on into a file")
      .option("--timeout_s <seconds>", "ends after so long without data", "20")
      .addHelpText("after", help),
  async ({ id, topics, broker, logDir, timeoutS, tell, signal }) => {
    const origins = originsOf(broker, [5001, 5000]);
    const http = createHttpClient();
    const progress = progressLine();
    try {
      const count = await runConsume({
        id,
        topics,
        origins,
        logDir,
        http,
        timeoutMs: timeoutS * 1000,
        tell,
        onConsumed: (total) => progress.show(`${total} consumed`),
        onRegistered: () => tell("registered; what is produced from now on is written"),
        signal,
      });
      progress.end();
      print(`${count} messages consumed`);
    } finally {
      progress.end();
      http.close();
    }
  },
);
