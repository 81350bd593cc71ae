// Asks every endpoint of the front door's contract, right and wrong, and compares what comes with what must.

export interface EndpointCheck {
  /** What was asked, for people. */
  readonly request: string;
  readonly expected: string;
  readonly answered: string;
  readonly fine: boolean;
}

interface Case {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly status: number;
  /** Found in the body. */
  readonly matches: RegExp;
}

/** In this order: each finds the fleet as the one before has left it, three replicas at first. */
const cases: readonly Case[] = [
  {
    method: "GET",
    path: "/rep",
    status: 200,
    matches: /^\{"message":\{"N":3,"replicas":\["S1","S2","S3"\]\},"status":"successful"\}$/,
  },
  { method: "GET", path: "/home", status: 200, matches: /"Hello from Server: S[123]","status":"successful"/ },
  { method: "GET", path: "/heartbeat", status: 200, matches: /^$/ },
  {
    method: "GET",
    path: "/other",
    status: 400,
    matches: /<Error> '\/other' endpoint does not exist in server replicas/,
  },
  {
    method: "POST",
    path: "/add",
    body: { n: 2, hostnames: ["S5", "S4"] },
    status: 200,
    matches: /"N":5,"replicas":\["S1","S2","S3","S5","S4"\]/,
  },
  {
    method: "POST",
    path: "/add",
    body: { n: 1, hostnames: ["A", "B"] },
    status: 400,
    matches: /Length of hostname list is more than newly added instances/,
  },
  { method: "POST", path: "/add", body: { n: 1, hostnames: ["S5"] }, status: 400, matches: /"failure"/ },
  { method: "POST", path: "/add", body: { n: 0 }, status: 400, matches: /"failure"/ },
  { method: "DELETE", path: "/rm", body: { n: 2, hostnames: ["S5"] }, status: 200, matches: /"N":3,/ },
  {
    method: "DELETE",
    path: "/rm",
    body: { n: 1, hostnames: ["A", "B"] },
    status: 400,
    matches: /Length of hostname list is more than removable instances/,
  },
  { method: "DELETE", path: "/rm", body: { n: 1, hostnames: ["S5"] }, status: 400, matches: /"failure"/ },
  { method: "DELETE", path: "/rm", body: { n: 99 }, status: 400, matches: /"failure"/ },
  { method: "PUT", path: "/rep", status: 405, matches: /"failure"/ },
  { method: "GET", path: "/rep", status: 200, matches: /"N":3,/ },
];

export async function askEndpoints(url: string): Promise<readonly EndpointCheck[]> {
  const checks: EndpointCheck[] = [];
  for (const one of cases) {
    const { method, path, body, status, matches } = one;
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    checks.push({
      request: `${method} ${path}${body === undefined ? "" : ` ${JSON.stringify(body)}`}`,
      expected: `${status}, ${matches.source}`,
      answered: `${answer.status}, ${text}`,
      fine: answer.status === status && matches.test(text),
    });
  }
  return checks;
}
