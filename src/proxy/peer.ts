// The client at the other end of a connection, as every request of it sees it: who it is, and what was made for its
// earlier requests and may serve again. What is made of a request is in forwarded-request.ts and forwarded-fields.ts.
import { HeadMemory } from "../http/head-memory.ts";
import type { KnownFields } from "../http/known-fields.ts";

/** What is the same for every request of one client connection. */
export interface Peer {
  readonly address: string;
  /** Its X-Forwarded-* are believed. */
  readonly trusted: boolean;
  readonly proto: "http" | "https";
  /** Of the HTTP that it speaks; 1 is refined by each request's own minor version. */
  readonly version: 1 | 2;
  /** What this hop adds to a request of this version for this host; most clients name the same one again and again. */
  addedHost: string | null;
  addedMinor: number;
  added: string;
  /** The header section that its requests had lately. */
  readonly fields: HeadMemory<ForwardedFields>;
}

export function createPeer(address: string, trusted: boolean, proto: "http" | "https", version: 1 | 2): Peer {
  return {
    address,
    trusted,
    proto,
    version,
    addedHost: null,
    addedMinor: 1,
    added: "",
    fields: new HeadMemory(),
  };
}

/** What was made by an earlier policy counts no more. */
export function forgetMade(peer: Peer): void {
  peer.addedHost = null;
  peer.fields.known = null;
}

/** A header section that came before, and what becomes of it on its way to a replica. */
export interface ForwardedFields extends KnownFields {
  /** As received. */
  readonly text: string;
  /** What of it goes on, without the blank line. */
  readonly kept: string;
  readonly host: string;
  readonly sharesConnection: boolean;
}
