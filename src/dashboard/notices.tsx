// What the page tells in passing: a change was made, or was refused and why. Failures stay until they are closed.
import { createCell, useCell } from "./cell.ts";

interface Notice {
  readonly id: number;
  readonly kind: "done" | "failed";
  readonly text: string;
}

const notices = createCell<readonly Notice[]>([]);
const shownMs = 5_000;
const noticesMax = 4;
let lastId = 0;

export function notify(kind: Notice["kind"], text: string): void {
  lastId += 1;
  const notice = { id: lastId, kind, text };
  notices.set([...notices.value, notice].slice(-noticesMax));
  if (kind === "done") setTimeout(() => dismiss(notice.id), shownMs);
}

function dismiss(id: number): void {
  notices.set(notices.value.filter((notice) => notice.id !== id));
}

/** Carries out a change and tells what came of it. */
export async function attempt(done: string, change: () => Promise<unknown>): Promise<void> {
  await change().then(
    () => notify("done", done),
    (error: Error) => notify("failed", error.message),
  );
}

export function Notices() {
  return (
    <div class="notices" role="status">
      {useCell(notices).map(({ id, kind, text }) => (
        <div key={id} class={`notice ${kind}`}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Close this notice" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
