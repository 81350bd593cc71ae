// The ring: who owns what, where a key goes, and what is done about keys that are too popular.
import { useState } from "preact/hooks";
import type { LookupReport } from "../balancer/admin-api.ts";
import { KeyLookUp } from "./key-look-up.tsx";
import { RingPicture } from "./ring-picture.tsx";
import { useRing } from "./ring-reading.ts";
import { SharesTable } from "./shares-table.tsx";
import { SteeringPanel } from "./steering-panel.tsx";
import type { ViewProps } from "./views.ts";

export function RingView({ fleet }: ViewProps) {
  const { ring, failure } = useRing(fleet.ringChanges);
  const [pointedAt, setPointedAt] = useState<number | null>(null);
  const [found, setFound] = useState<LookupReport | null>(null);
  if (fleet.placement === "none") {
    return (
      <p class="empty">
        With the policy <code>{fleet.policy}</code> no key decides where a request goes, so there is no ring.
        Start with <code>--policy hash</code> for one.
      </p>
    );
  }
  if (ring === null) return <p class="empty">{failure ?? "Reading the ring…"}</p>;
  if (ring.cells.length === 0) {
    const none = fleet.serving === 0;
    return (
      <p class="empty">
        {none
          ? "Nobody is on the ring: no replica is healthy. The Fleet view says why."
          : "Reading the ring…"}
      </p>
    );
  }
  const marked = pointedAt ?? found?.candidates[0]?.seat ?? null;
  return (
    <>
      <KeyLookUp ring={ring} idKeys={fleet.key === "random"} onFound={setFound} />
      <div class="ring-and-shares">
        <RingPicture
          ring={ring}
          marked={marked}
          keyAt={found !== null && ring.exact ? (found.slot + 0.5) / ring.slots : null}
          onPoint={setPointedAt}
        />
        <section aria-labelledby="shares">
          <h2 id="shares">Shares</h2>
          <SharesTable members={ring.members} marked={marked} onPoint={setPointedAt} />
        </section>
      </div>
      <SteeringPanel />
    </>
  );
}
