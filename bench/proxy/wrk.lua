-- Makes wrk ask for many different URIs in turn, and say at the end what it counted as one line of JSON.
-- Settings come in the environment: see closed-loop.ts.
local folder = os.getenv("BENCH_FOLDER")
local uriCount = tonumber(os.getenv("BENCH_URIS"))
local bodyBytes = tonumber(os.getenv("BENCH_BODY_BYTES"))
local newConnections = os.getenv("BENCH_NEW_CONNECTIONS") == "1"

-- All requests are made before the first is sent, so that wrk spends its time on sending them.
local requests = {}
local at = 0

function init(args)
  local headers = { ["User-Agent"] = "wrk", ["Accept"] = "*/*" }
  if newConnections then headers["Connection"] = "close" end
  local method, body = "GET", nil
  if bodyBytes > 0 then method, body = "POST", string.rep("b", bodyBytes) end
  for i = 1, uriCount do
    requests[i] = wrk.format(method, "/" .. folder .. "/item-" .. i, headers, body)
  end
end

function request()
  at = at % uriCount + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"durationUs":%d,"bytes":%d,"connectErrors":%d,"readErrors":%d,"writeErrors":%d,'
    .. '"statusErrors":%d,"timeouts":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency:percentile(50), latency:percentile(99)))
end
