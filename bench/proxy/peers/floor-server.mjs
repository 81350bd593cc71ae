// What a forwarder on node:net costs that does nothing at all: no HTTP is understood, every chunk from a client goes to
// the next upstream as it is, every chunk that comes back is the whole answer. It may only be used where both are true
// (small GETs). Writes wait for the end of the turn, as in Roundhouse; so its cost is the floor under any proxy on
// node:net that makes the same four system calls.
//
//   node floor-server.mjs PORT ORIGIN,ORIGIN…
import { connect, createServer } from "node:net";

const [port, origins] = process.argv.slice(2);
const pools = origins.split(",").map((origin) => ({ port: Number(origin), idle: [] }));
const shared = Buffer.allocUnsafeSlow(64 * 1024);
const writes = [];
let turn = 0;

function write(socket, text) {
  if (writes.push(socket, text) === 2) setImmediate(endTurn);
}

function endTurn() {
  for (let at = 0; at < writes.length; at += 2) writes[at].write(writes[at + 1], "latin1");
  writes.length = 0;
}

function openUpstream(pool) {
  const upstream = { socket: null, client: null, pool };
  upstream.socket = connect({
    port: pool.port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer: shared,
      callback: (length, bytes) => {
        const { client } = upstream;
        upstream.client = null;
        write(client, bytes.latin1Slice(0, length));
        pool.idle.push(upstream);
        return true;
      },
    },
  });
  upstream.socket.on("error", () => upstream.socket.destroy());
  upstream.socket.on("close", () => {
    pool.idle = pool.idle.filter((other) => other !== upstream);
  });
  return upstream;
}

const server = createServer({ noDelay: true }, (socket) => {
  const { push } = socket;
  const take = (chunk) => {
    const pool = pools[turn++ % pools.length];
    const upstream = pool.idle.pop() ?? openUpstream(pool);
    upstream.client = socket;
    write(upstream.socket, chunk.latin1Slice(0, chunk.length));
  };
  socket.on("data", take);
  socket.on("error", () => socket.destroy());
  socket.push = (chunk) => {
    if (chunk === null) return push.call(socket, chunk);
    take(chunk);
    return true;
  };
});
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
