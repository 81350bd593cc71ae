// The server that experiments run copies of: the course's /home and /heartbeat, a cache, and a mood that can be changed
// while it runs. A program of its own: PORT, HOST and SERVER_ID in the environment, as the front door gives them.
//
//   GET /home            200, the greeting
//   GET /item/KEY        200; `X-Cache: hit` when KEY is among the last CACHE_KEYS used, else `miss`, after MISS_MS
//   PUT /mood {…}        from now on: `status` for every answer but the heartbeat's, `delayMs` before each,
//                        `workers`: how many requests it works on at a time (others wait); at first by DELAY_MS, WORKERS
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

interface Mood {
  status: number;
  delayMs: number;
  workers: number;
}

const { PORT = "0", HOST = "127.0.0.1", SERVER_ID = "?", CACHE_KEYS = "100", MISS_MS = "0" } = process.env;
const { DELAY_MS = "0", WORKERS = "Infinity" } = process.env;
const mood: Mood = { status: 200, delayMs: Number(DELAY_MS), workers: Number(WORKERS) };
/** A Map keeps the order of insertion: the first key is the one that was not used for longest. */
const cache = new Map<string, true>();
const waiting: (() => void)[] = [];
let working = 0;

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const path = (request.url ?? "/").split("?", 1)[0] as string;
  if (path === "/heartbeat") response.writeHead(200, { "content-length": 0 }).end();
  else if (path === "/mood" && request.method === "PUT") changeMood(request, response);
  else void work(path, request, response);
});
server.listen(Number(PORT), HOST);
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 20).unref();
});

async function work(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  await place();
  const hit = touch(path);
  const pauseMs = mood.delayMs + (path.startsWith("/item/") && !hit ? Number(MISS_MS) : 0);
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  leave();
  const text = JSON.stringify({ message: `Hello from Server: ${SERVER_ID}`, status: "successful" });
  const headers = {
    "content-type": "application/json",
    "content-length": text.length,
    "x-server": SERVER_ID,
    "x-cache": hit ? "hit" : "miss",
  };
  response.writeHead(mood.status, headers).end(text);
}

function place(): Promise<void> {
  if (working < mood.workers) {
    working++;
    return Promise.resolve();
  }
  return new Promise((resolve) => waiting.push(resolve));
}

/** The next in line takes over the place. */
function leave(): void {
  const next = waiting.shift();
  if (next === undefined) working--;
  else next();
}

/** Tells whether the path was in the cache; it is now. */
function touch(path: string): boolean {
  const hit = cache.delete(path);
  cache.set(path, true);
  if (cache.size > Number(CACHE_KEYS)) cache.delete(cache.keys().next().value as string);
  return hit;
}

function changeMood(request: IncomingMessage, response: ServerResponse): void {
  let text = "";
  request.on("data", (chunk) => {
    text += chunk;
  });
  request.on("end", () => {
    try {
      Object.assign(mood, JSON.parse(text));
      response.writeHead(204).end();
    } catch {
      response.writeHead(400).end();
    }
  });
}
