// The servers behind the proxies. They must not be the bottleneck, so they are nginx and HAProxy too, answering from
// memory. They share a core with the load generator; the proxies have the other one to themselves.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallAnswerBytes, type TrafficCase } from "./cases.ts";
import { accepting, freePorts, type PinnedProcess, startPinned } from "./pinned-process.ts";

export interface Origins {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

const smallAnswer = "x".repeat(smallAnswerBytes);

/** One nginx process listening on every port: a port is an origin, with its own upstream connections. */
function nginxConfig(folder: string, ports: readonly number[]): string {
  return `
daemon off;
master_process off;
pid ${folder}/origin.pid;
error_log ${folder}/origin-error.log error;
worker_rlimit_nofile 19000;
events { worker_connections 18000; }
http {
  access_log off;
  tcp_nodelay on;
  sendfile on;
  sendfile_max_chunk 512k;
  tcp_nopush on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  client_body_temp_path ${folder}/origin-body;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join("\n    ")}
    root ${folder}/answers;
    location / { return 200; }
    location /small/ { return 200 "${smallAnswer}"; }
    location /kb10/ { try_files /kb10.bin =404; }
    location /mb1/ { try_files /mb1.bin =404; }
  }
}
`;
}

/**
 * For POSTs: nginx's \`return\` answers before the body has come, and a careful proxy may not reuse the connection
 * then. HAProxy waits for the whole body and refuses any other length.
 */
function haproxyConfig(ports: readonly number[], bodyBytes: number): string {
  return `
global
  nbthread 1
  maxconn 9000
  tune.bufsize ${bodyBytes * 2}
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout http-keep-alive 1h
  timeout http-request 30s
frontend origins
  ${ports.map((port) => `bind 127.0.0.1:${port} backlog 4096`).join("\n  ")}
  http-request wait-for-body time 10s if METH_POST
  http-request return status 400 if METH_POST !{ req.body_len ${bodyBytes} }
  http-request return status 200 content-type text/plain string ${smallAnswer}
`;
}

function startNginx(folder: string, ports: readonly number[], core: number): PinnedProcess {
  mkdirSync(join(folder, "answers"), { recursive: true });
  writeFileSync(join(folder, "answers/kb10.bin"), "k".repeat(10_240));
  writeFileSync(join(folder, "answers/mb1.bin"), "m".repeat(1_048_576));
  writeFileSync(join(folder, "origin-nginx.conf"), nginxConfig(folder, ports));
  return startPinned(["nginx", "-p", folder, "-c", join(folder, "origin-nginx.conf")], { core });
}

function startHaproxy(
  folder: string,
  ports: readonly number[],
  bodyBytes: number,
  core: number,
): PinnedProcess {
  writeFileSync(join(folder, "origin-haproxy.cfg"), haproxyConfig(ports, bodyBytes));
  return startPinned(["haproxy", "-db", "-f", join(folder, "origin-haproxy.cfg")], { core });
}

/** Starts what the case needs and waits until it listens. */
export async function startOrigins(one: TrafficCase, folder: string, core: number): Promise<Origins> {
  const ports = await freePorts(one.originCount);
  const server =
    one.bodyBytes > 0 ? startHaproxy(folder, ports, one.bodyBytes, core) : startNginx(folder, ports, core);
  await accepting("the origins", server, ports[0] as number);
  return { ports, stop: () => server.stop() };
}
