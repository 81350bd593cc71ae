// An origin that commits the planned fault on a request's first attempt and serves every further attempt well.
import { methodOf, type Origin, type OriginConnection, startRawOrigin } from "../http/origin.ts";
import { type Message, parseRequest, valuesOf } from "../http/strict.ts";
import { type Fault, faultOf, largeBody, type PlanOptions } from "./fault-plan.ts";

/** Shared by all origins of a run. */
export interface FaultLog {
  readonly options: PlanOptions;
  /** Attempts by nonce, as complete requests at any origin. */
  readonly attempts: Map<string, number>;
  /** How often something that is nobody's followed an answer, and could meet the connection's next request. */
  garbage: number;
  /** Requests that came while another one of the same piece was not yet answered. */
  shared: number;
  /** What the strict parser said against requests. */
  readonly faults: string[];
}

export function startFaultOrigin(log: FaultLog): Promise<Origin> {
  return startRawOrigin((connection) => {
    // Once true the rest of the connection's bytes are read and thrown away.
    let deaf = false;
    let answeredEarly = false;
    connection.socket.on("data", (chunk: Buffer) => {
      if (deaf) return;
      connection.pending += chunk.toString("latin1");
      for (let nth = 0; !deaf && connection.pending !== ""; nth++) {
        const early = answeredEarly ? null : nonceOfEarly(connection.pending, log);
        if (early !== null) {
          log.attempts.set(early, (log.attempts.get(early) ?? 0) + 1);
          connection.socket.write(answer(early));
          answeredEarly = true;
        }
        const parsed = parseRequest(connection.pending);
        if (parsed.kind === "incomplete") return;
        if (parsed.kind === "fault") {
          log.faults.push(`${parsed.why} in ${JSON.stringify(connection.pending.slice(0, 600))}`);
          connection.socket.destroy();
          return;
        }
        connection.pending = connection.pending.slice(parsed.message.end);
        if (answeredEarly) {
          answeredEarly = false;
          connection.count++;
          continue;
        }
        if (nth > 0) log.shared++;
        connection.count++;
        deaf = serve(parsed.message, connection, log);
      }
    });
  });
}

const target = /^[A-Z]+ \/n\/([0-9a-z]+) /;

/** The nonce of a request that is to be answered before its body is complete, when its head is here. */
function nonceOfEarly(pending: string, { options, attempts }: FaultLog): string | null {
  const nonce = target.exec(pending)?.[1];
  if (nonce === undefined || !pending.includes("\r\n\r\n") || attempts.has(nonce)) return null;
  return faultOf(nonce, options) === "early" ? nonce : null;
}

/** True when nothing more on this connection counts. */
function serve(request: Message, connection: OriginConnection, log: FaultLog): boolean {
  const { options, attempts } = log;
  const { start, fields } = request;
  const nonce = target.exec(start)?.[1] ?? "";
  const attempt = (attempts.get(nonce) ?? 0) + 1;
  attempts.set(nonce, attempt);
  const fault = attempt === 1 ? faultOf(nonce, options) : "plain";
  if (fault === "late-garbage" || fault === "body-to-head" || fault === "body-to-204") log.garbage++;
  const isTold = valuesOf(fields, "expect").length > 0 && Number.parseInt(nonce, 36) % 2 === 1;
  if (isTold) connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  return commit(fault, { nonce, method: methodOf(request) }, connection);
}

const nonceField = (nonce: string): string => `X-Nonce: ${nonce}\r\n`;
const answer = (nonce: string, body = `<${nonce}>`, more = ""): string =>
  `HTTP/1.1 200 OK\r\n${nonceField(nonce)}${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
const chunkedHead = (nonce: string): string =>
  `HTTP/1.1 200 OK\r\n${nonceField(nonce)}Transfer-Encoding: chunked\r\n\r\n`;

/** The name says whose it would be: nobody's. */
const poison = answer("poison");
const garbage = "\x16\x03\x01 this is no answer \r\n\r\n";

/** Connections on which a large answer was written: where requests share one, it may be on its way for long. */
const carryLarge = new WeakSet<OriginConnection>();

/** Resets what is this request's, but no large answer before it, which could be neither completed nor asked for again. */
function reset(connection: OriginConnection): void {
  if (carryLarge.has(connection)) connection.socket.end();
  else connection.socket.resetAndDestroy();
}

function commit(
  fault: Fault,
  { nonce, method }: { readonly nonce: string; readonly method: string },
  connection: OriginConnection,
): boolean {
  const { socket, count } = connection;
  const headOnly = method === "HEAD";
  const reply = (body = `<${nonce}>`, more = ""): string => {
    const whole = answer(nonce, body, more);
    return headOnly ? whole.slice(0, -body.length) : whole;
  };
  const chunks = (data: string): string => (headOnly ? "" : data);
  const closing = (bytes: string): boolean => {
    socket.end(Buffer.from(bytes, "latin1"));
    return true;
  };
  switch (fault) {
    case "chunked":
      socket.write(chunkedHead(nonce) + chunks(`${chunk("<")}${chunk(`${nonce}>`)}0\r\n\r\n`));
      return false;
    case "large":
      carryLarge.add(connection);
      socket.write(reply(largeBody(nonce)));
      return false;
    case "slow":
      slowly(reply(), (piece) => socket.write(piece));
      return false;
    case "interim":
      socket.write(`HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n${reply()}`);
      return false;
    case "close-after":
      return closing(reply());
    case "close-said":
      return closing(reply(`<${nonce}>`, "Connection: close\r\n"));
    case "not-modified":
      if (method !== "GET" && !headOnly) socket.write(reply());
      else socket.write(`HTTP/1.1 304 Not Modified\r\n${nonceField(nonce)}Content-Length: 9\r\n\r\n`);
      return false;
    case "body-to-head":
      socket.write(answer(nonce));
      return false;
    case "body-to-204":
      socket.write(`HTTP/1.1 204 No Content\r\n${nonceField(nonce)}\r\n<${nonce}>`);
      return false;
    case "unavailable":
      socket.write(reply().replace("200 OK", "503 Service Unavailable"));
      return false;
    case "reset-later":
      socket.write(reply());
      // Only while it rests: a reset of an answer under way would be another fault, on another request.
      setTimeout(() => connection.count === count && reset(connection), 2);
      return false;
    case "late-garbage":
      socket.write(reply());
      setTimeout(() => socket.writable && socket.write(garbage), 1);
      return false;
    case "poison":
      socket.write(reply() + poison);
      return true;
    case "poison-next-write":
      socket.write(reply());
      socket.write(poison);
      return true;
    case "close-first":
      return closing("");
    case "reset-first":
      reset(connection);
      return true;
    case "cut-head":
      return closing(reply().slice(0, 25));
    case "cut-small":
      return closing(reply().slice(0, -2));
    case "cut-large":
      return closing(reply(largeBody(nonce)).slice(0, -2));
    case "cut-chunked":
      return closing(chunkedHead(nonce) + chunks(chunk("<")));
    case "reset-chunked":
      socket.write(chunkedHead(nonce) + chunks(chunk("<")), () => setTimeout(() => reset(connection), 1));
      return true;
    case "garbage":
      socket.write(garbage);
      return true;
    case "two-lengths":
      socket.write(
        `HTTP/1.1 200 OK\r\n${nonceField(nonce)}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunks("0\r\n\r\n")}`,
      );
      return true;
    case "wrong-version":
      socket.write(reply().replace("HTTP/1.1", "HTTP/2.0"));
      return true;
    case "stall":
      return true;
    default:
      socket.write(reply());
      return false;
  }
}

/** In three pieces, each in a turn of its own. */
function slowly(bytes: string, write: (piece: string) => void): void {
  const third = Math.ceil(bytes.length / 3);
  write(bytes.slice(0, third));
  setImmediate(() => {
    write(bytes.slice(third, 2 * third));
    setImmediate(() => write(bytes.slice(2 * third)));
  });
}
