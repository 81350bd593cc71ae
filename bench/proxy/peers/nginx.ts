// nginx as a careful administrator would set it up for this job: one worker, consistent hashing of the URI, kept
// connections to the origins, and the same header policy that Roundhouse applies.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PeerPlan } from "./peer.ts";

function config(folder: string, port: number, originPorts: readonly number[]): string {
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
worker_rlimit_nofile 19000;
events { worker_connections 18000; }
http {
  access_log off;
  tcp_nodelay on;
  # The defaults of 75 s and 1,000 requests would make clients reconnect during the run.
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  # The default of 16 KB makes unbuffered 64 KB POSTs twice as dear.
  client_body_buffer_size 64k;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;

  # Keep a client's request id, make one otherwise.
  map $http_x_request_id $forwarded_request_id { default $http_x_request_id; "" $request_id; }

  upstream origins {
    hash $request_uri consistent;
    ${originPorts.map((originPort) => `server 127.0.0.1:${originPort};`).join("\n    ")}
    keepalive 2048;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origins;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Via "1.1 nginx";
      proxy_set_header X-Request-ID $forwarded_request_id;
      proxy_request_buffering off;
      # 256 KB for each exchange, the bound that Roundhouse keeps, and never a file on disk: the defaults (64 KB,
      # then a temporary file) cost nginx more on large answers.
      proxy_buffers 8 32k;
      proxy_busy_buffers_size 128k;
      proxy_buffer_size 32k;
      proxy_max_temp_file_size 0;
    }
  }
}
`;
}

export const nginxPeer: PeerPlan = {
  name: "nginx",
  command(folder, port, _adminPort, originPorts) {
    const path = join(folder, "nginx.conf");
    writeFileSync(path, config(folder, port, originPorts));
    return ["nginx", "-p", folder, "-c", path];
  },
};
