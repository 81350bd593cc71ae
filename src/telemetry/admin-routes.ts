// Which route of the admin listener a request belongs to, and which methods a path has. Pure.

/** By method and path: `GET /api/v1/status`; a part may be a star: `PUT /api/v1/replicas/*`. */
type Routes<Route> = Readonly<Record<string, Route>>;

/** The route itself, or the one with a star for the last part of the path, or the one before, and that part. */
export function routeFor<Route>(
  routes: Routes<Route>,
  target: string,
): [route: Route | undefined, rest: string] {
  if (Object.hasOwn(routes, target)) return [routes[target], ""];
  const slash = target.lastIndexOf("/");
  const last = target.slice(slash + 1);
  const starred = routes[`${target.slice(0, slash)}/*`];
  if (starred !== undefined) return [starred, last];
  const before = target.lastIndexOf("/", slash - 1);
  return [routes[`${target.slice(0, before)}/*/${last}`], target.slice(before + 1, slash)];
}

/** For the field Allow; empty: there is no such path. `others`: targets that are no routes. */
export function allowedMethods(routes: Routes<unknown>, others: readonly string[], path: string): string {
  const found = ["GET", "POST", "PUT", "DELETE"].filter((method) => {
    const target = `${method} ${path}`;
    return others.includes(target) || routeFor(routes, target)[0] !== undefined;
  });
  if (found.includes("GET")) found.splice(1, 0, "HEAD");
  return found.length === 0 ? "" : [...found, "OPTIONS"].join(", ");
}
