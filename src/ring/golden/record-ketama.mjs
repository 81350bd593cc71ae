// Records ketama.json: which servers a real nginx chooses with `hash $arg_x consistent`, and in which order it goes
// on to the next ones. ketama.test.ts compares our ring with it. Needs nginx in the PATH (or NGINX=/path/to/nginx):
//
//   node src/ring/golden/record-ketama.mjs
//
// No server runs behind it. Every address is one that refuses connections, so nginx tries all servers in its order
// of preference and then says in X-Tried ($upstream_addr) which it tried. max_fails=0 keeps it from remembering.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const nginx = process.env.NGINX ?? "nginx";

/** Lists of [label, weight, address as $upstream_addr shows it]. */
const fleets = {
  "three equal": numbered(3, 2001, () => 1),
  "five weighted": numbered(5, 2101, (i) => [1, 2, 3, 1, 5][i]),
  "ten equal": numbered(10, 2201, () => 1),
  "forty, every fourth of weight 4": numbered(40, 2301, (i) => (i % 4 === 3 ? 4 : 1)),
  "other forms of address": [
    ["127.77.0.9:1", 1, "127.77.0.9:1"],
    ["127.77.0.9", 2, "127.77.0.9:80"],
    ["unix:/nonexistent/one.sock", 1, "unix:/nonexistent/one.sock"],
    ["unix:/nonexistent/two.sock:8", 3, "unix:/nonexistent/two.sock:8"],
    ["[::1]:2", 1, "[::1]:2"],
  ],
};

function numbered(count, port, weightOf) {
  return Array.from({ length: count }, (_, i) => {
    const label = `127.77.${i % 3}.${i + 1}:${port + i}`;
    return [label, weightOf(i), label];
  });
}

const keys = [
  ...Array.from({ length: 150 }, (_, i) => String(100_000 + i * 5_987)),
  ...Array.from({ length: 100 }, (_, i) => `/item/${i}`),
  ...Array.from({ length: 50 }, (_, i) => `user-${i}@example.org`),
  ...Array.from({ length: 50 }, (_, i) => `%2Fa%20b%2F${i}`),
  ...Array.from({ length: 40 }, (_, i) => `grüße-${i}-日本`),
  // Not the empty key: nginx then goes round robin.
  ...["0", "-1", "a", "A", "+", "=", "a=b", "x".repeat(1000), "9007199254740991"],
];

/** The first few of an order are enough; the whole would be a long file. */
const orderKept = 8;

const folder = mkdtempSync(join(tmpdir(), "record-ketama-"));
const socketPath = (index) => join(folder, `${index}.sock`);

function configuration() {
  const upstreams = Object.values(fleets).map((fleet, index) => {
    const servers = fleet
      .map(([label, weight]) => `server ${label} weight=${weight} max_fails=0;`)
      .join("\n");
    return `upstream fleet${index} { hash $arg_x consistent; ${servers} }
      server { listen unix:${socketPath(index)}; keepalive_requests 100000; location / {
        proxy_pass http://fleet${index}; proxy_next_upstream error; add_header X-Tried $upstream_addr always; } }`;
  });
  return `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
    events {} http { access_log off; large_client_header_buffers 4 16k;
      client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
      uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; ${upstreams.join("\n")} }`;
}

const agent = new Agent({ keepAlive: true });

function tried(index, key) {
  const path = `/?x=${Buffer.from(key, "utf8").toString("latin1")}`;
  return new Promise((resolve, reject) => {
    const sent = request({ agent, socketPath: socketPath(index), path }, (answer) => {
      answer.resume();
      if (answer.statusCode !== 502) reject(new Error(`Expected 502 for ${key}, got ${answer.statusCode}`));
      else answer.on("end", () => resolve(answer.headers["x-tried"].split(", ")));
    });
    sent.on("error", reject).end();
  });
}

async function recordFleet([name, fleet], index) {
  const seatOf = new Map(fleet.map(([, , address], i) => [address, i + 1]));
  const orders = {};
  // nginx names a request's servers in order; the last item, "fleetN", says that none was left.
  for (const key of keys)
    orders[key] = (await tried(index, key)).map((address) => seatOf.get(address)).filter(Boolean);
  for (const [key, order] of Object.entries(orders)) {
    if (new Set(order).size !== fleet.length)
      throw new Error(`nginx did not try every server for ${key}: ${order}`);
  }
  const members = fleet.map(([label, weight], i) => ({ seat: i + 1, weight, label }));
  return {
    name,
    members,
    orders: Object.entries(orders).map(([key, order]) => [key, order.slice(0, orderKept)]),
  };
}

async function main() {
  writeFileSync(join(folder, "nginx.conf"), configuration());
  const child = spawn(nginx, ["-c", join(folder, "nginx.conf"), "-p", folder], { stdio: "inherit" });
  while (!existsSync(socketPath(Object.keys(fleets).length - 1))) await sleep(20);
  const recorded = [];
  for (const [index, entry] of Object.entries(fleets).entries())
    recorded.push(await recordFleet(entry, index));
  agent.destroy();
  child.kill("SIGTERM");
  write(recorded);
}

function write(recorded) {
  const fleetsText = recorded.map(({ name, members, orders }) => {
    const lines = orders.map((entry) => JSON.stringify(entry)).join(",\n");
    return `{"name":${JSON.stringify(name)},\n"members":${JSON.stringify(members)},\n"orders":[\n${lines}]}`;
  });
  const text = `{"recordedFrom":${JSON.stringify(versionOf())},"fleets":[\n${fleetsText.join(",\n")}\n]}\n`;
  JSON.parse(text);
  writeFileSync(new URL("./ketama.json", import.meta.url), text);
  console.log(`Wrote ${recorded.length} fleets of ${keys.length} keys from ${versionOf()}.`);
}

// nginx prints its version on standard error.
function versionOf() {
  return spawnSync(nginx, ["-v"], { encoding: "utf8" }).stderr.trim();
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
