// A path of the native API: what it takes, what it answers and who does it. The schemas check the request and make the
// OpenAPI document, so that neither can say what the other does not.
import type { z } from "zod";
import type { BrokerNode } from "../../broker/node.ts";
import type { Answer, WireRequest } from "../service.ts";
import type { Shards } from "../shards.ts";

/** What the native API works with. */
export interface NativeHost {
  readonly node: BrokerNode;
  readonly shards: Shards;
}

export interface Call<Query, Body> {
  readonly request: WireRequest;
  /** The path's parameters, decoded, in their order. */
  readonly params: readonly string[];
  readonly query: Query;
  readonly body: Body;
}

export interface Described {
  readonly description: string;
  /** By media type. */
  readonly content?: Readonly<Record<string, z.ZodType | null>>;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `/v1/topics/{topic}` */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly query: z.ZodObject | null;
  readonly headers: z.ZodObject | null;
  /** Null: read by the route itself. */
  readonly body: z.ZodType | null;
  /** What the document says about a body that the route reads itself. */
  readonly bodyContent?: Readonly<Record<string, z.ZodType | null>>;
  readonly answers: Readonly<Record<number, Described>>;
  readonly run: (host: NativeHost, call: Call<never, never>) => Answer | Promise<Answer>;
}

interface RouteOf<Q extends z.ZodObject, B extends z.ZodType>
  extends Omit<Route, "query" | "headers" | "body" | "run"> {
  readonly query?: Q;
  readonly headers?: z.ZodObject;
  readonly body?: B;
  readonly run: (host: NativeHost, call: Call<z.output<Q>, z.output<B>>) => Answer | Promise<Answer>;
}

/** Makes a route whose `run` gets its query and body as its schemas say. */
export function route<
  Q extends z.ZodObject = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodNever,
>(made: RouteOf<Q, B>): Route {
  const { query = null, headers = null, body = null, run } = made;
  return { ...made, query, headers, body, run: run as Route["run"] };
}

export const jsonAnswer = (status: number, value: unknown, fields = ""): Answer => ({
  status,
  type: "application/json",
  body: JSON.stringify(value),
  fields,
});

export const noContent: Answer = { status: 204, type: "", body: "" };
