// A replica that has the troubles of operation.ts: `real-replica.mjs PROGRAM MARK`. In the folder TROUBLE, a file `mended`
// makes every program work, and each file `fail-…` makes one start fail.
import { existsSync, readdirSync, unlinkSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [program] = process.argv.slice(2);
const { PORT, HOST, SERVER_ID, TROUBLE } = process.env;
const mended = existsSync(join(TROUBLE, "mended"));
const trouble = mended ? "works" : program;

/** Two that start at once do not take the same one: a file goes once. */
function takeFailure() {
  return readdirSync(TROUBLE).some((name) => {
    if (!name.startsWith("fail-")) return false;
    try {
      unlinkSync(join(TROUBLE, name));
      return true;
    } catch {
      return false;
    }
  });
}

if (trouble === "exits" || takeFailure()) process.exit(7);
const server = createServer((request, response) => {
  request.resume();
  response.end(SERVER_ID);
});
if (trouble === "is silent") setInterval(() => {}, 1_000);
else server.listen(Number(PORT), HOST);
if (trouble === "fails later") setTimeout(() => process.exit(8), 150);
process.once("SIGTERM", () => server.close(() => process.exit(0)));
