// The OpenAPI 3.1 document, made from the routes and the schemas that check the requests.
import { z } from "zod";
import type { Described, Route } from "./route.ts";
import { routes } from "./routes.ts";
import { problem } from "./schemas.ts";

type Json = Record<string, unknown>;

export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    (paths[route.path] as Json)[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Roundhouse queue",
      version: "1",
      description:
        "Topics cut into shards, each an ordered, durable log. An answer means: synced to the disk.",
    },
    paths,
  };
}

function operation(route: Route): Json {
  const { id, summary, body, bodyContent, answers } = route;
  const requestBody =
    body !== null
      ? { required: true, content: { "application/json": { schema: schemaOf(body, "input") } } }
      : bodyContent && { required: true, content: contentOf(bodyContent, "input") };
  return {
    operationId: id,
    summary,
    parameters: [
      ...pathParameters(route),
      ...parameters(route.query, "query"),
      ...parameters(route.headers, "header"),
    ],
    ...(requestBody ? { requestBody } : {}),
    responses: { ...responses(answers), default: problemResponse() },
  };
}

function pathParameters({ path }: Route): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function parameters(schema: z.ZodObject | null, place: "query" | "header"): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => {
    const { description, ...rest } = schemaOf(field as z.ZodType, "output");
    return { name, in: place, required: false, description, schema: rest };
  });
}

function responses(answers: Readonly<Record<number, Described>>): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content }]) => [
      status,
      content === undefined ? { description } : { description, content: contentOf(content, "output") },
    ]),
  );
}

function problemResponse(): Json {
  const content = { "application/problem+json": { schema: schemaOf(problem, "output") } };
  return { description: "It failed: problem details, whose code is constant.", content };
}

function contentOf(content: Readonly<Record<string, z.ZodType | null>>, io: "input" | "output"): Json {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      { schema: schema === null ? { type: "string", format: "binary" } : schemaOf(schema, io) },
    ]),
  );
}

/** Each schema whole where it is used, so that the document needs no references. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    reused: "inline",
    unrepresentable: "any",
  }) as Json;
  return made;
}
