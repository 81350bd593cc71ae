// A dialog with a form: what is asked, and two buttons. Escape and Cancel close it; the browser keeps the focus inside.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface DialogProps {
  readonly title: string;
  /** On the button that does it. */
  readonly action: string;
  readonly danger?: boolean;
  readonly onClose: () => void;
  /** Gives null when it is done, and the dialog closes; else what went wrong. */
  readonly onSubmit: () => Promise<string | null>;
  readonly children: ComponentChildren;
}

export function Dialog({ title, action, danger = false, onClose, onSubmit, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
  useLayoutEffect(() => dialog.current?.showModal(), []);
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    const problem = await onSubmit().catch((error: Error) => error.message);
    setBusy(false);
    setFailure(problem);
    if (problem === null) onClose();
  }
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={id}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>{title}</h2>
        {children}
        {failure !== null && (
          <p class="refused" role="alert">
            {failure}
          </p>
        )}
        <div class="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy}>
            {busy ? "One moment…" : action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
