// Live readings for whoever watches: `text/event-stream` (WHATWG HTML §9.2, server-sent events), one stream a listener.
// A reading is made once for all of them, only while somebody listens, and sent when it has changed. It is a window onto
// what is now and no log: a listener that reads slowly misses readings, and nothing is kept for it.
//
//   event: fleet            the whole reading, after connecting and after readings were missed
//   event: fleet-change     what leads from the reading before to this one, for sources that can tell
import type { IncomingMessage, ServerResponse } from "node:http";
import { sendFailure } from "../../telemetry/own-answers.ts";

/** Something to look at. */
export interface EventSource<Reading = unknown> {
  readonly name: string;
  /** How often it is read. A reading that takes long is made less often, see {@link readingShareMax}. */
  readonly everyMs: number;
  /** Gives what is sent as JSON. */
  read(): Reading;
  /** What turns the reading before into this one. Default: readings are sent whole. */
  difference?(before: Reading, now: Reading): unknown;
}

export interface EventHub {
  /** Takes the response over: it lasts until the client leaves, or {@link close}. */
  listen(request: IncomingMessage, response: ServerResponse): void;
  close(): void;
}

/** More → 503. */
export const listenersMax = 32;
/** A comment goes out this often, so that both sides notice when the other is gone. */
const beatMs = 15_000;
/** Readings of one source take at most this part of the process's time. */
const readingShareMax = 0.05;

interface Listener {
  readonly response: ServerResponse;
  /** The socket has not taken what was written last. */
  full: boolean;
  /** Beats for which it has been full. */
  beatsMissed: number;
  /** Sources of which it has missed a reading. */
  readonly behind: Set<Channel>;
}

/** A source and its last reading. */
interface Channel {
  readonly source: EventSource;
  last: { readonly reading: unknown; readonly text: string } | null;
  timer: NodeJS.Timeout | undefined;
}

export function createEventHub(sources: readonly EventSource[]): EventHub {
  const listeners = new Set<Listener>();
  const channels: Channel[] = sources.map((source) => ({ source, last: null, timer: undefined }));
  let beat: NodeJS.Timeout | undefined;

  function start(): void {
    beat = setInterval(sendBeat, beatMs);
    for (const channel of channels) readNow(channel);
  }

  function stop(): void {
    clearInterval(beat);
    for (const channel of channels) {
      clearTimeout(channel.timer);
      channel.last = null;
    }
  }

  function readNow(channel: Channel): void {
    const { source } = channel;
    const startedMs = performance.now();
    try {
      const reading = source.read();
      const text = JSON.stringify(reading);
      if (text !== channel.last?.text) publish(channel, reading, text);
    } catch (error) {
      // It is tried again; a comment tells whoever reads the stream by eye.
      const words = (error as Error).message.replaceAll("\n", " ");
      for (const listener of listeners) if (!listener.full) send(listener, `: ${source.name}: ${words}\n\n`);
    }
    const tookMs = performance.now() - startedMs;
    channel.timer = setTimeout(readNow, Math.max(source.everyMs, tookMs / readingShareMax), channel);
  }

  function publish(channel: Channel, reading: unknown, text: string): void {
    const { source, last } = channel;
    channel.last = { reading, text };
    const whole = eventText(source.name, text);
    const change =
      last === null || source.difference === undefined
        ? whole
        : eventText(`${source.name}-change`, JSON.stringify(source.difference(last.reading, reading)));
    for (const listener of listeners) {
      if (listener.full) listener.behind.add(channel);
      else send(listener, change);
    }
  }

  function send(listener: Listener, text: string): void {
    if (listener.response.write(text)) return;
    listener.full = true;
    listener.response.once("drain", () => catchUp(listener));
  }

  function catchUp(listener: Listener): void {
    listener.full = false;
    listener.beatsMissed = 0;
    for (const channel of listener.behind) {
      if (listener.full) return;
      listener.behind.delete(channel);
      if (channel.last !== null) send(listener, eventText(channel.source.name, channel.last.text));
    }
  }

  /** Whoever has taken nothing for two beats has left, or might as well have. */
  function sendBeat(): void {
    for (const listener of listeners) {
      if (!listener.full) send(listener, ":\n\n");
      else if (++listener.beatsMissed > 1) listener.response.destroy();
    }
  }

  return {
    listen: (request, response) => {
      if (listeners.size >= listenersMax) {
        response.setHeader("retry-after", "5");
        return sendFailure(
          request,
          response,
          503,
          `${listeners.size} pages listen already, which is the most`,
        );
      }
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      const listener: Listener = { response, full: false, beatsMissed: 0, behind: new Set() };
      response.on("close", () => {
        listeners.delete(listener);
        if (listeners.size === 0) stop();
      });
      if (listeners.size === 0) start();
      listeners.add(listener);
      for (const channel of channels) listener.behind.add(channel);
      catchUp(listener);
    },
    close: () => {
      for (const { response } of listeners) response.end();
    },
  };
}

/** JSON has no line breaks, so one data line holds it. */
function eventText(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}
