// A replica that answers /slow?ms=N after N milliseconds, /held when it is told to, everything else at once with its id.
import { createServer } from "node:http";
import { holds } from "./holding.mjs";

const { PORT, HOST, SERVER_ID } = process.env;
const server = createServer((request, response) => {
  request.resume();
  const url = new URL(request.url, "http://replica");
  const answer = () => response.end(`${SERVER_ID} ${request.headers["x-forwarded-for"] ?? ""}`);
  if (holds(url.pathname, response, answer)) return;
  if (url.pathname === "/slow") setTimeout(answer, Number(url.searchParams.get("ms")));
  else answer();
});
server.listen(Number(PORT), HOST);
process.once("SIGTERM", () => server.close(() => process.exit(0)));
