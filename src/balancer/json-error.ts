// Where a text stops being JSON (RFC 8259). JSON.parse knows, but tells it in some of its messages only.

/** White space, then one token: a bracket, a comma, a colon, a string, a number or a word. */
const tokens =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids them in strings
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

/** What may come next. */
type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end" | "end";

/** The offset of the first character that cannot be part of JSON; null when the text is valid. */
export function jsonErrorOffset(text: string): number | null {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let offset = 0;
  while (expected !== "end" || text.slice(offset).trim() !== "") {
    tokens.lastIndex = offset;
    const match = tokens.exec(text);
    if (match === null) return offset + blanks(text, offset);
    const token = match[1] ?? (match[2] === undefined ? "scalar" : "string");
    const next = step(expected, token, open);
    if (next === null) return offset + blanks(text, offset);
    expected = next;
    offset = tokens.lastIndex;
  }
  return null;
}

function blanks(text: string, offset: number): number {
  return text.slice(offset).search(/[^ \t\n\r]|$/);
}

/** One token read; null when it may not stand here. Keeps the open brackets. */
function step(expected: Expected, token: string, open: ("{" | "[")[]): Expected | null {
  const after = () => (open.length === 0 ? "end" : ", or end");
  if ((token === "]" && expected === "value or ]") || (token === "}" && expected === "key or }")) {
    open.pop();
    return after();
  }
  if (expected === "value" || expected === "value or ]") {
    if (token === "string" || token === "scalar") return after();
    if (token !== "{" && token !== "[") return null;
    open.push(token);
    return token === "{" ? "key or }" : "value or ]";
  }
  if (expected === "key" || expected === "key or }") return token === "string" ? ":" : null;
  if (expected === ":") return token === ":" ? "value" : null;
  if (expected === "end") return null;
  const innermost = open.at(-1);
  if (token === ",") return innermost === "{" ? "key" : "value";
  if (token !== (innermost === "{" ? "}" : "]")) return null;
  open.pop();
  return after();
}
