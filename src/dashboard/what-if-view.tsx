// What if: a change is thought of on the left, and on the right is what it would move, before anything is changed. Then it
// may be made.
import { useState } from "preact/hooks";
import type { RingReport } from "../balancer/ring-picture.ts";
import { ApplyPanel } from "./apply-panel.tsx";
import { type Draft, emptyDraft, freeSeats, previewBody } from "./draft.ts";
import { DraftForm } from "./draft-form.tsx";
import { PreviewPanel, PreviewShares } from "./preview-panel.tsx";
import { usePreview } from "./preview-reading.ts";
import { useRing } from "./ring-reading.ts";
import type { ViewProps } from "./views.ts";

export function WhatIfView({ fleet }: ViewProps) {
  const { ring, failure } = useRing(fleet.ringChanges);
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const taken = fleet.replicas.filter(({ state }) => state !== "dead").map(({ seat }) => seat);
  const body = ring === null ? null : previewBody(draft, ring.members, taken);
  const { preview, refusal } = usePreview(body, ring);
  if (fleet.placement === "none") {
    return (
      <p class="empty">
        With the policy <code>{fleet.policy}</code> no key decides where a request goes, so nothing would
        move.
      </p>
    );
  }
  if (ring === null) return <p class="empty">{failure ?? "Reading the ring…"}</p>;
  const newcomers = new Set(freeSeats(taken, draft.add));
  const nameOf = namesOn(ring, newcomers);
  return (
    <div class="what-if">
      <section aria-labelledby="change">
        <h2 id="change">A change to think about</h2>
        <DraftForm draft={draft} ring={ring} onChange={setDraft} />
      </section>
      <section aria-labelledby="outcome" aria-live="polite">
        <h2 id="outcome">What it would move</h2>
        {body === null && (
          <p class="soft">
            Nothing yet. Let replicas join or leave, give them other weights, or try another placement:
            nothing is changed until you apply it.
          </p>
        )}
        {refusal !== null && <p class="refused">{refusal}</p>}
        {body !== null && refusal === null && preview === null && <p class="soft">Working it out…</p>}
        {body !== null && refusal === null && preview !== null && (
          <>
            <PreviewPanel preview={preview} nameOf={nameOf} />
            <ApplyPanel draft={draft} ring={ring} preview={preview} onApplied={() => setDraft(emptyDraft)} />
            <PreviewShares preview={preview} nameOf={nameOf} />
          </>
        )}
      </section>
    </div>
  );
}

function namesOn(ring: RingReport, newcomers: ReadonlySet<number>): (seat: number) => string {
  const names = new Map(ring.members.map(({ seat, replica }) => [seat, replica ?? `seat ${seat}`]));
  return (seat) => names.get(seat) ?? (newcomers.has(seat) ? `new (seat ${seat})` : "nobody");
}
