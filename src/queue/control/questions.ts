// What the control plane asks of brokers and waits for: one question, one answer, or the end of the process.
import { RoundhouseError } from "../../errors.ts";
import { fromErrorText } from "../broker/error-text.ts";
import type { Answer, ToBroker } from "../broker/messages.ts";
import type { Member } from "./brokers.ts";

/** What brokers answer. */
export type Question = WithoutId<Extract<ToBroker, { readonly id: number; readonly tablet: number }>>;

type WithoutId<Q> = Q extends unknown ? Omit<Q, "id"> : never;

export interface Questions {
  /** Rejects with UNREACHABLE when the process ends first. */
  ask(broker: Member, question: Question): Promise<unknown>;
  answered(answer: Answer): void;
  /** Its process has ended. */
  gone(broker: Member): void;
}

export function createQuestions(): Questions {
  const asked = new Map<
    number,
    { broker: Member; resolve: (result: unknown) => void; reject: (error: unknown) => void }
  >();
  let lastId = 0;
  return {
    ask(broker, question) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        asked.set(id, { broker, resolve, reject });
        broker.process?.send({ ...question, id });
      });
    },
    answered(answer) {
      const one = asked.get(answer.id);
      asked.delete(answer.id);
      if (answer.kind === "answer") one?.resolve(answer.result);
      else one?.reject(fromErrorText(answer.error));
    },
    gone(broker) {
      for (const [id, one] of asked) {
        if (one.broker !== broker) continue;
        asked.delete(id);
        const text = `Broker ${broker.name} has ended before it answered`;
        one.reject(new RoundhouseError("UNREACHABLE", text, { retryable: true }));
      }
    },
  };
}
