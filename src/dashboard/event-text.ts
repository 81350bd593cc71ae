// Takes a stream of server-sent events apart (WHATWG HTML §9.2.6), as far as our server writes them. Pure. The browser's
// own EventSource cannot send the token along.

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** Feed it text as it comes, in pieces of any size; it gives the events that are complete. */
export function createEventReader(): (text: string) => ServerEvent[] {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.flatMap(eventIn);
  };
}

/** Nothing for a comment. */
function eventIn(block: string): ServerEvent[] {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  return data.length === 0 ? [] : [{ name, data: data.join("\n") }];
}
