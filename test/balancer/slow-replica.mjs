// A replica that answers /slow?ms=N after N milliseconds, everything else at once with its id.
import { createServer } from "node:http";

const { PORT, HOST, SERVER_ID } = process.env;
const server = createServer((request, response) => {
  request.resume();
  const url = new URL(request.url, "http://replica");
  const answer = () => response.end(`${SERVER_ID} ${request.headers["x-forwarded-for"] ?? ""}`);
  if (url.pathname === "/slow") setTimeout(answer, Number(url.searchParams.get("ms")));
  else answer();
});
server.listen(Number(PORT), HOST);
process.once("SIGTERM", () => server.close(() => process.exit(0)));
