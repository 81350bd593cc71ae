#!/usr/bin/env node
// `runproduce`: produces the messages of a file `producer_<id>.txt`, as the course project's tool of that name does.
import { createHttpClient } from "../queue/client/http.ts";
import { runProduce } from "../queue/client/run-produce.ts";
import { originsOf, runCourseCommand } from "./course-command.ts";
import { print } from "./output.ts";
import { progressLine } from "./progress.ts";

const help = `
Reads producer_<id>.txt from --log_loc: rows of \`time message part topic\`, one for each of --topics in turn. A message
that is not acknowledged is sent again, without being stored twice, for 20 s; then the run ends with exit code 1.

Example: runproduce --id 1 --topics T1:P1 T2:P2 T3:* --broker 127.0.0.1 --log_loc ./test/EXP`;

await runCourseCommand(
  "runproduce",
  (command) => command.description("produces the messages of a file").addHelpText("after", help),
  async ({ id, topics, broker, logDir, tell, signal }) => {
    const [origin = ""] = originsOf(broker, [5000]);
    const http = createHttpClient();
    const progress = progressLine();
    const onProduced = (done: number, total: number): void => progress.show(`${done} of ${total} produced`);
    try {
      const count = await runProduce({ id, topics, origin, logDir, http, tell, onProduced, signal });
      progress.end();
      print(`${count} messages produced`);
    } finally {
      progress.end();
      http.close();
    }
  },
);
