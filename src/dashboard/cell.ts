// A value that components follow: the page's only kind of state that outlives a component.
import { useEffect, useState } from "preact/hooks";

export interface Cell<Value> {
  readonly value: Value;
  set(value: Value): void;
  /** Calls back after each change, until the function that it gives is called. */
  follow(listener: () => void): () => void;
}

export function createCell<Value>(first: Value): Cell<Value> {
  const listeners = new Set<() => void>();
  let current = first;
  return {
    get value() {
      return current;
    },
    set: (value) => {
      if (value === current) return;
      current = value;
      for (const listener of [...listeners]) listener();
    },
    follow: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** The cell's value; the component is drawn again when it changes. */
export function useCell<Value>(cell: Cell<Value>): Value {
  const [, redraw] = useState(0);
  useEffect(() => {
    const again = () => redraw((times) => times + 1);
    again(); // it may have changed between drawing and following
    return cell.follow(again);
  }, [cell]);
  return cell.value;
}
