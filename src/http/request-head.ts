// A request's head (RFC 9112 sections 2, 3 and 5): what it means for a proxy, or why it was refused. How it is read is in
// request-parser.ts.
import type { ConnectionOptions } from "./connection-options.ts";
import { createFieldTable, type FieldTable, refused } from "./fields.ts";
import { type BodyFraming, framing } from "./framing.ts";

/** One parsed head: offsets into the bytes it was parsed from, valid as long as those. Reused from head to head. */
export interface RequestHead {
  readonly fields: FieldTable;
  readonly body: BodyFraming;
  readonly connection: ConnectionOptions;
  /** Where the request line begins (after one empty line that may precede it). */
  start: number;
  /** Where the fields begin, and the offset after the blank line. */
  fieldsStart: number;
  end: number;
  /** Empty until it has been read. */
  method: string;
  /** The target to forward: origin-form, or `*`. In absolute-form the part after the authority. */
  targetStart: number;
  targetEnd: number;
  /** The path was left out (`http://host?x`): `/` comes before the target. */
  targetLacksSlash: boolean;
  /** The request line can be forwarded byte for byte. */
  lineIsOrdinary: boolean;
  versionMinor: number;
  /** The authority: from the target in absolute-form, else the Host field. Empty with HTTP/1.0 without Host. */
  hostStart: number;
  hostEnd: number;
  absoluteForm: boolean;
  /** The client asks for `Upgrade: websocket`, by the rules of RFC 6455 section 4.1. */
  upgradesToWebSocket: boolean;
  expectsContinue: boolean;
  /** Max-Forwards of an OPTIONS (RFC 9110 section 7.6.2), or −1. */
  maxForwards: number;
  /** Its fields are those that the memory knows: {@link RequestHead.fields} is empty, and all else is as if parsed. */
  isKnown: boolean;
  /** Why it was refused. */
  status: number;
  problem: string;
}

export function createRequestHead(headerCountMax: number): RequestHead {
  return {
    fields: createFieldTable(headerCountMax),
    body: { kind: framing.none, length: -1, isPlain: true, status: 0, problem: "" },
    connection: { close: false, keepAlive: false, upgrade: false },
    start: 0,
    fieldsStart: 0,
    end: 0,
    method: "",
    targetStart: 0,
    targetEnd: 0,
    targetLacksSlash: false,
    lineIsOrdinary: true,
    versionMinor: 1,
    hostStart: 0,
    hostEnd: 0,
    absoluteForm: false,
    upgradesToWebSocket: false,
    expectsContinue: false,
    maxForwards: -1,
    isKnown: false,
    status: 0,
    problem: "",
  };
}

/** The reason goes into the head. */
export function refuse(head: RequestHead, status: number, problem: string): number {
  head.status = status;
  head.problem = problem;
  return refused;
}

/** The same, for those that tell whether all is well. */
export function no(head: RequestHead, status: number, problem: string): false {
  refuse(head, status, problem);
  return false;
}
