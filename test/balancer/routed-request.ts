// A routed request made of plain data, for tests.
import type { RoutedRequest } from "../../src/proxy/routing.ts";

export interface RequestFields {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly peerAddress?: string;
  readonly peerTrusted?: boolean;
}

export function routedRequest(fields: RequestFields = {}): RoutedRequest {
  const {
    method = "GET",
    target = "/",
    headers = {},
    peerAddress = "127.0.0.1",
    peerTrusted = false,
  } = fields;
  return {
    method,
    target,
    header: (name) => headers[name],
    peerAddress,
    peerTrusted,
    setCookie: undefined,
    routingKey: undefined,
  };
}
