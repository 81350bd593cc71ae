// A plain http-proxy server set up well: kept connections to the origins, the path decides the origin, the same
// headers as the other peers. Plain JavaScript, so that no loader adds to its memory.
//
//   node http-proxy-server.mjs PORT ORIGIN_PORT,ORIGIN_PORT…
import { randomUUID } from "node:crypto";
import { Agent, createServer } from "node:http";
import httpProxy from "http-proxy";

const port = Number(process.argv[2]);
const targets = process.argv[3]
  .split(",")
  .map((originPort) => ({ host: "127.0.0.1", port: Number(originPort) }));
const proxy = httpProxy.createProxyServer({
  agent: new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 2048 }),
});

/** FNV-1a of the path, modulo the number of origins: cheaper than any ring, so it costs this peer nothing. */
function targetOf(url) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < url.length; i++) hash = Math.imul(hash ^ url.charCodeAt(i), 0x01000193);
  return targets[(hash >>> 0) % targets.length];
}

proxy.on("error", (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502);
  response.end();
});

const server = createServer((request, response) => {
  request.headers["x-forwarded-for"] = request.socket.remoteAddress;
  request.headers["x-forwarded-proto"] = "http";
  request.headers["x-forwarded-host"] = request.headers.host;
  request.headers.via = "1.1 http-proxy";
  request.headers["x-request-id"] ??= randomUUID();
  proxy.web(request, response, { target: targetOf(request.url) });
});
server.keepAliveTimeout = 75_000;
server.listen({ port, host: "127.0.0.1", backlog: 4096 });
