// The engine's stream of events: what it says, and how a container has ended by it.
import { howEnded } from "./found.ts";

/** Of `GET /events`. */
export interface EngineEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/** Takes a stream's bytes, a JSON object per line; one for each stream. */
export function eventsIn(take: (event: EngineEvent) => void): (chunk: Buffer) => void {
  let text = "";
  return (chunk) => {
    const lines = (text + chunk.toString("utf8")).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const event = eventOf(line);
      if (event !== null) take(event);
    }
  };
}

/** Null for what is none: an empty line, or the words of a proxy between us and the engine. */
function eventOf(line: string): EngineEvent | null {
  try {
    return JSON.parse(line) as EngineEvent | null;
  } catch {
    return null;
  }
}

/** What an event says of a container's end, in words; undefined: it is about something else, or goes before the end. */
export function createObituaries(): (event: EngineEvent) => string | undefined {
  const outOfMemory = new Set<string>();
  return ({ Action, Actor: { ID: id = "", Attributes = {} } = {} }) => {
    if (Action === "oom") outOfMemory.add(id);
    if (Action !== "die") return undefined;
    const words = howEnded(Number(Attributes.exitCode));
    return outOfMemory.delete(id) ? `${words}: it needed more memory than its limit` : words;
  };
}
