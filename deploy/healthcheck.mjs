// The image's HEALTHCHECK: exit code 0 when the command that runs in this container answers, whichever it is: `up` and
// `broker` on their admin listener, `serve` on its own port. ROUNDHOUSE_HEALTH_URL names another place.
import { get } from "node:http";

const { PORT = "8080", ROUNDHOUSE_HEALTH_URL: url } = process.env;
const places =
  url === undefined ? ["http://127.0.0.1:5010/healthz", `http://127.0.0.1:${PORT}/heartbeat`] : [url];
/** Docker itself gives up after 3 s, and then does not say why. */
const timeoutMs = 2500;

function ask(place) {
  return new Promise((resolve, reject) => {
    const request = get(place, { timeout: timeoutMs }, (answer) => {
      answer.resume();
      if (answer.statusCode < 400) resolve(place);
      else reject(new Error(`${place} answered ${answer.statusCode}`));
    });
    request.on("timeout", () => request.destroy(new Error(`${place} was silent for ${timeoutMs} ms`)));
    request.on("error", reject);
  });
}

try {
  console.log(`${await Promise.any(places.map(ask))} answers`);
  process.exit(0);
} catch (failed) {
  console.log(failed.errors.map((error) => error.message).join("; "));
  process.exit(1);
}
