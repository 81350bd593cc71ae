// A replica that answers with its id (/held when it is told to), and gives back whatever comes through a tunnel.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { holds } from "./holding.mjs";

const { PORT, HOST, SERVER_ID } = process.env;
const server = createServer((request, response) => {
  request.resume();
  const answer = () => response.end(SERVER_ID);
  if (!holds(request.url, response, answer)) answer();
});
server.on("upgrade", (request, socket) => {
  // RFC 6455 §4.2.2
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nX-Server: ${SERVER_ID}\r\n\r\n`,
  );
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen(Number(PORT), HOST);
process.once("SIGTERM", () => server.close(() => process.exit(0)));
