// Requests that a replica answers when the test says so, and not after a time: /held waits for the next /release, which
// is sent to the replica directly.
const held = [];

/** Whether the request is one of these; then it is taken care of. */
export function holds(pathname, response, answer) {
  if (pathname === "/held") return held.push(answer) > 0;
  if (pathname !== "/release") return false;
  for (const each of held.splice(0)) each();
  response.end();
  return true;
}
