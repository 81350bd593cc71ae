// A replica whose answers can be made bad while its heartbeat stays fine: POST /fault?status=500 or ?delayMs=200 (and
// /fault alone to be well again), sent to it directly. Everything else is answered with its id, or as the fault says.
import { createServer } from "node:http";

const { PORT, HOST, SERVER_ID } = process.env;
let status = 200;
let delayMs = 0;
let asked = 0;

function setFault(query) {
  status = Number(query.get("status") ?? 200);
  delayMs = Number(query.get("delayMs") ?? 0);
}

const server = createServer((request, response) => {
  request.resume();
  const url = new URL(request.url, "http://replica");
  if (url.pathname === "/heartbeat") return void response.end("ok");
  if (url.pathname === "/asked") return void response.end(String(asked));
  if (url.pathname === "/fault") {
    setFault(url.searchParams);
    return void response.end("ok");
  }
  asked += 1;
  setTimeout(() => response.writeHead(status).end(SERVER_ID), delayMs);
});
server.listen(Number(PORT), HOST);
process.once("SIGTERM", () => server.close(() => process.exit(0)));
