// What the routing and the fault rules ask about a request, read from its head's text only when asked.

/** Methods whose requests may be sent twice (RFC 9110 section 9.2.2). */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "PUT":
    case "DELETE":
    case "TRACE":
      return true;
    default:
      return false;
  }
}

/** Value of the first field with this lower-case name in a well-formed head. */
export function fieldIn(head: string, name: string): string | undefined {
  let at = head.indexOf("\r\n") + 2;
  while (at < head.length - 2) {
    const end = head.indexOf("\r\n", at);
    if (head.charCodeAt(at + name.length) === 58 && startsIgnoringCase(head, at, name)) {
      return head.slice(at + name.length + 1, end).replace(/^[ \t]+|[ \t]+$/g, "");
    }
    at = end + 2;
  }
  return undefined;
}

function startsIgnoringCase(text: string, at: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const code = text.charCodeAt(at + i);
    const lower = code >= 65 && code <= 90 ? code + 32 : code;
    if (lower !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}

/** What an absolute-form target without a path stands for (RFC 9112 section 3.2.4: `*` with OPTIONS). */
export function rootedTarget(target: string, method: string): string {
  return target === "" && method === "OPTIONS" ? "*" : `/${target}`;
}
