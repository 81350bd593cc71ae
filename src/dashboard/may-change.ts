// Whether this page may change anything, for the controls that do.
import { useCell } from "./cell.ts";
import { session } from "./session.ts";

/** Null: it may. Else why not, in words. */
export function useChangeRefusal(): string | null {
  const report = useCell(session);
  return report === null ? "the server has not said yet what may be changed" : report.changeRefusal;
}
