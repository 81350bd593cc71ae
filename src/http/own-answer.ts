// Answers that the proxy makes itself: refusals and failures, as JSON that says what was wrong.

const reasons: Record<number, string> = {
  200: "OK",
  204: "No Content",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

export interface OwnAnswer {
  readonly status: number;
  /** Empty with 204. */
  readonly body: string;
  /** Content-Type of the body. */
  readonly type: string;
  /** Further header lines, each with its CR LF. */
  readonly fields?: string;
  readonly close: boolean;
  /** The request was HEAD: the body is announced and left out. */
  readonly headOnly: boolean;
  /** IMF-fixdate. */
  readonly date: string;
}

/** `{"message":"<Error> …","status":"failure"}` */
export function failureBody(message: string): string {
  return JSON.stringify({ message: `<Error> ${message}`, status: "failure" });
}

/** The whole answer as a UTF-8 string. */
export function ownAnswer(answer: OwnAnswer): string {
  const { status, body, type } = answer;
  const content =
    status === 204 ? "" : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return (
    `HTTP/1.1 ${status} ${reasons[status] ?? "Error"}\r\nDate: ${answer.date}\r\n${content}${answer.fields ?? ""}` +
    `${answer.close ? "Connection: close\r\n" : "Connection: keep-alive\r\n"}\r\n${answer.headOnly ? "" : body}`
  );
}
