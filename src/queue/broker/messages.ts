// What the control plane and a broker process say to each other over the broker's IPC channel: plain data, in order.
// When the channel breaks, the broker ends itself: the control plane is gone.
import type { ControlCommand } from "../control-command.ts";
import type { QueueMap } from "../map.ts";
import type { Durability } from "../tablet.ts";
import type { BrokerFigures } from "./figures.ts";

/** In the environment variable {@link settingsVariable}, as JSON. */
export interface BrokerSettings {
  readonly name: string;
  readonly dataDir: string;
  readonly durability: Durability;
  readonly messageBytesMax: number;
  /** How often retention looks for what may go. */
  readonly retentionEveryMs: number;
}

export const settingsVariable = "ROUNDHOUSE_BROKER";

/** A RoundhouseError on its way between two processes. */
export interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly source: string;
  readonly retryable: boolean;
}

/** An answer to whoever asked with this id. */
export type Answer =
  | { readonly kind: "answer"; readonly id: number; readonly result: unknown }
  | { readonly kind: "refusal"; readonly id: number; readonly error: ErrorText };

export type ToBroker =
  | { readonly kind: "map"; readonly map: QueueMap }
  | {
      readonly kind: "open" | "close";
      readonly tablet: number;
      readonly epoch: number;
      readonly file: string;
    }
  /** Answered with null, or refused when the tablet is not open. */
  | {
      readonly kind: "makeShard" | "dropShard";
      readonly id: number;
      readonly tablet: number;
      readonly shard: number;
    }
  /** Answered with null when the tablet's copy is there, or refused when the tablet is not open. */
  | { readonly kind: "copyTablet"; readonly id: number; readonly tablet: number; readonly to: string }
  /** Answered with the {@link Sizes} of its file, or refused. */
  | { readonly kind: "compactTablet"; readonly id: number; readonly tablet: number }
  | { readonly kind: "ping" }
  /** It owns nothing any more: finish what is under way, and end. */
  | { readonly kind: "stop" }
  | Answer;

export type FromBroker =
  /** Where it listens; the first message. */
  | { readonly kind: "ready"; readonly host: string; readonly port: number }
  | { readonly kind: "pong" }
  | { readonly kind: "opened" | "closed"; readonly tablet: number; readonly epoch: number }
  /** See the ownership event of that name. */
  | {
      readonly kind: "failed";
      readonly tablet: number;
      readonly epoch: number;
      readonly reason: string;
      readonly foundEpoch?: number;
    }
  | { readonly kind: "ask"; readonly id: number; readonly command: ControlCommand }
  | { readonly kind: "figures"; readonly figures: BrokerFigures }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly fields: object;
      readonly message: string;
    }
  | Answer;
