// Making the change that was previewed, step by step; or saying in words what only a restart can change.
import { useState } from "preact/hooks";
import type { RingReport } from "../balancer/ring-picture.ts";
import type { PreviewReport } from "../balancer/ring-preview.ts";
import { call } from "./calls.ts";
import { type Draft, stepsOf } from "./draft.ts";
import { percent } from "./figures.ts";
import { useChangeRefusal } from "./may-change.ts";
import { notify } from "./notices.tsx";

interface ApplyPanelProps {
  readonly draft: Draft;
  readonly ring: RingReport;
  readonly preview: PreviewReport;
  readonly onApplied: () => void;
}

/** Steps listed before the rest is only counted. */
const stepsShown = 6;

export function ApplyPanel({ draft, ring, preview, onApplied }: ApplyPanelProps) {
  const refusal = useChangeRefusal();
  const [doing, setDoing] = useState<string | null>(null);
  if (draft.placement !== null) return <NeedsRestart placement={draft.placement} moved={preview.moved} />;
  const steps = stepsOf(draft, ring.members);
  async function apply(): Promise<void> {
    let made = 0;
    try {
      for (const { words, method, path, body } of steps) {
        setDoing(words);
        await call(method, path, body);
        made += 1;
      }
      notify("done", "The change was made");
      onApplied();
    } catch (error) {
      const before = made === 0 ? "Nothing was changed" : `${made} of ${steps.length} steps were made`;
      notify("failed", `${before}; ${steps[made]?.words} failed: ${(error as Error).message}`);
    } finally {
      setDoing(null);
    }
  }
  return (
    <div class="apply">
      <h3>To apply it</h3>
      <ol>
        {steps.slice(0, stepsShown).map(({ words }) => (
          <li key={words}>{words}</li>
        ))}
        {steps.length > stepsShown && <li>and {steps.length - stepsShown} steps more</li>}
      </ol>
      <button
        type="button"
        class="primary"
        disabled={refusal !== null || doing !== null}
        title={refusal ?? undefined}
        onClick={() => void apply()}
      >
        {doing === null ? "Apply" : `${doing}…`}
      </button>
      {refusal !== null && <p class="note">It cannot be applied from here: {refusal}.</p>}
    </div>
  );
}

function NeedsRestart({ placement, moved }: { placement: string; moved: number }) {
  return (
    <div class="apply">
      <h3>To apply it</h3>
      <p>
        Another placement takes a restart, since it is the ring itself: stop, and start with{" "}
        <code>--hash {placement}</code>. {percent(moved)} of the keys then have another owner, all at once;
        caches and sessions that live in replicas start cold for them.
      </p>
    </div>
  );
}
