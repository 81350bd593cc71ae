// `npm run test:api -- HOST [--all-brokers] [--read-origin URL]`: the contract's test cases against a system that runs.
import { randomBytes } from "node:crypto";
import { createHttpClient } from "../../src/queue/client/http.ts";
import { createApiCaller } from "./api-caller.ts";
import { allBrokersCase, apiCases } from "./api-cases.ts";
import { parseHost } from "./host.ts";

const host = parseHost(process.argv[2]);
if (host === null) {
  console.error(
    "Usage: npm run test:api -- HOST[:PORT] [--all-brokers]   HOST alone: 5000, and 5001 for reading",
  );
  process.exit(2);
}
const http = createHttpClient();
const api = createApiCaller(http, host.origin);
const flag = process.argv.indexOf("--read-origin");
const readApi = createApiCaller(http, flag < 0 ? host.readOrigin : String(process.argv[flag + 1]));
const run = randomBytes(4).toString("hex");
let names = 0;
const name = (prefix: string): string => `${prefix}-${run}-${++names}`;
const cases = process.argv.includes("--all-brokers") ? [...apiCases, allBrokersCase] : apiCases;

let failed = 0;
for (const one of cases) {
  try {
    await one.run({ api, readApi, name });
    console.log(`ok      ${one.name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${one.name}\n        ${(error as Error).message.replaceAll("\n", "\n        ")}`);
  }
}
http.close();
console.log(
  failed === 0 ? "All test cases are passed" : `Some test cases are failed (${failed} of ${cases.length})`,
);
process.exitCode = failed === 0 ? 0 : 1;
