// An answer that is asked for again and again while it is shown.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Polled<Answer> {
  /** Null until the first has come. */
  readonly answer: Answer | null;
  /** Why the last call failed; null: it did not. */
  readonly problem: string | null;
  /** Asks now. */
  again(): void;
}

/** @param about what it depends on: another value, and what was answered before is not shown any more */
export function usePolled<Answer>(
  ask: (signal: AbortSignal) => Promise<Answer>,
  everyMs: number,
  about: string,
): Polled<Answer> {
  const [state, setState] = useState<{ about: string; answer: Answer | null; problem: string | null }>({
    about,
    answer: null,
    problem: null,
  });
  const latest = useRef(ask);
  latest.current = ask;
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    async function next(): Promise<void> {
      try {
        const answer = await latest.current(left.signal);
        if (!left.signal.aborted) setState({ about, answer, problem: null });
      } catch (error) {
        if (left.signal.aborted) return;
        setState((before) => ({ ...before, about, problem: (error as Error).message }));
      }
      timer = setTimeout(() => void next(), everyMs);
    }
    void next();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [about, everyMs, asked]);
  const current = state.about === about ? state : { answer: null, problem: null };
  return { answer: current.answer, problem: current.problem, again: () => setAsked((times) => times + 1) };
}
