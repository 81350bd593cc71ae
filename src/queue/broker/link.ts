// A broker's channel to its control plane: messages both ways, questions with answers, and the end of the process
// when the channel breaks.
import { RoundhouseError } from "../../errors.ts";
import type { Control } from "../control-command.ts";
import { fromErrorText } from "./error-text.ts";
import type { Answer, FromBroker, ToBroker } from "./messages.ts";

/** A message that is no answer. */
export type Order = Exclude<ToBroker, Answer>;

export interface Link {
  send(message: FromBroker): void;
  readonly control: Control;
}

interface Asked {
  resolve(result: unknown): void;
  reject(error: RoundhouseError): void;
}

/** Questions that may wait for their answers at a time. */
const ASKED_MAX = 1000;

/** Takes over this process's IPC channel. */
export function openLink(onOrder: (order: Order) => void): Link {
  const asked = new Map<number, Asked>();
  let lastId = 0;

  function send(message: FromBroker): void {
    // A channel that has just closed ends this process; what could not be said is of no use to anyone.
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  function answered(answer: Answer): void {
    const one = asked.get(answer.id);
    asked.delete(answer.id);
    if (answer.kind === "answer") one?.resolve(answer.result);
    else one?.reject(fromErrorText(answer.error));
  }

  process.on("message", (message: ToBroker) => {
    if (message.kind === "answer" || message.kind === "refusal") answered(message);
    else onOrder(message);
  });
  process.on("disconnect", () => process.exit(0));
  if (!process.connected) process.exit(0);

  return {
    send,
    control: ((command) =>
      new Promise((resolve, reject) => {
        if (asked.size >= ASKED_MAX) {
          const text = `Cannot ask for a change: ${ASKED_MAX} wait for their answers already; retry`;
          reject(new RoundhouseError("FULL", text, { retryable: true }));
          return;
        }
        const id = ++lastId;
        asked.set(id, { resolve: resolve as (result: unknown) => void, reject });
        send({ kind: "ask", id, command });
      })) as Control,
  };
}
