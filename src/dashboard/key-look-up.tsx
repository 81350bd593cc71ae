// Type a key: which slot it falls into, who owns that, and who comes next.
import { useEffect, useState } from "preact/hooks";
import type { LookupReport } from "../balancer/admin-api.ts";
import type { RingReport, SlotsReport } from "../balancer/ring-picture.ts";
import { call } from "./calls.ts";
import { seatColour } from "./colours.ts";
import { count } from "./figures.ts";
import { visible } from "./visible-text.ts";

export interface KeyLookUpProps {
  readonly ring: RingReport;
  /** Keys are request ids, so that a number stands for itself. */
  readonly idKeys: boolean;
  readonly onFound: (report: LookupReport | null) => void;
}

const keyCharsShown = 120;
/** Slots shown beside the key's own. */
const slotsShown = 48;
/** Replicas named after the first. */
const nextShown = 4;

interface Found {
  readonly report: LookupReport;
  readonly slots: SlotsReport | null;
}

export function KeyLookUp({ ring, idKeys, onFound }: KeyLookUpProps) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    const stopped = new AbortController();
    const key = text.trim();
    if (key === "") {
      setFound(null);
      setFailure(null);
      return;
    }
    lookUp(key, idKeys && /^\d{1,15}$/.test(key), ring, stopped.signal)
      .then((result) => {
        setFound(result);
        setFailure(null);
      })
      .catch((error: Error) => {
        if (!stopped.signal.aborted) setFailure(error.message);
      });
    return () => stopped.abort();
  }, [text, ring, idKeys]);
  useEffect(() => onFound(found?.report ?? null), [found]);
  return (
    <div class="look-up">
      <label class="look-up-label">
        <span>Where does a key go?</span>
        <input
          type="text"
          placeholder={idKeys ? "a request id, such as 123456" : "user/7"}
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <div aria-live="polite">
        {failure !== null && <p class="refused">{failure}</p>}
        {failure === null && found !== null && <Answer found={found} ring={ring} />}
      </div>
    </div>
  );
}

async function lookUp(key: string, isId: boolean, ring: RingReport, signal: AbortSignal): Promise<Found> {
  const query = `${isId ? "id" : "key"}=${encodeURIComponent(key)}`;
  const report = await call<LookupReport>("GET", `/api/v1/ring/lookup?${query}`, undefined, signal);
  if (!ring.exact || ring.slots < slotsShown) return { report, slots: null };
  const from = (report.slot - slotsShown / 2 + ring.slots) % ring.slots;
  const path = `/api/v1/ring/slots?from=${from}&count=${slotsShown}`;
  return { report, slots: await call<SlotsReport>("GET", path, undefined, signal) };
}

function Answer({ found: { report, slots }, ring }: { found: Found; ring: RingReport }) {
  const [owner, ...others] = report.candidates;
  if (owner === undefined) return <p>Nobody is on the ring: the key has no owner.</p>;
  const next = others.slice(0, nextShown).map(({ seat, replica }) => replica ?? `seat ${seat}`);
  const more = ring.members.length - 1 - next.length;
  return (
    <>
      <p class="answer">
        <code>{excerpt(String(report.key))}</code>
        <Arrow />
        {ring.exact ? "slot" : "point"} {count(report.slot)}
        <Arrow />
        <span class="swatch" style={{ background: seatColour(owner.seat) }} />
        <strong>{owner.replica ?? `seat ${owner.seat}`}</strong>
        {next.length > 0 && (
          <span class="soft">
            , then {next.join(", ")}
            {more > 0 && ` and ${count(more)} more`}
          </span>
        )}
      </p>
      {slots !== null && <Neighbourhood slots={slots} slot={report.slot} />}
    </>
  );
}

/** Long keys are shown by their beginning. */
function excerpt(key: string): string {
  return visible(key.length > keyCharsShown ? `${key.slice(0, keyCharsShown)}…` : key);
}

function Arrow() {
  return (
    <span class="arrow" role="img" aria-label="goes to">
      →
    </span>
  );
}

/** The slots around the key's own, one by one. */
function Neighbourhood({ slots: { from, seats }, slot }: { slots: SlotsReport; slot: number }) {
  const width = 10;
  return (
    <svg
      class="slots"
      viewBox={`0 0 ${seats.length * width} 26`}
      role="img"
      aria-label={`Slots ${from} and after, each in its owner's colour; slot ${slot} is marked`}
    >
      {seats.map((seat, index) => (
        <rect key={index} x={index * width} y="6" width={width - 1} height="14" fill={seatColour(seat)} />
      ))}
      <rect class="here" x={(seats.length / 2) * width - 1.5} y="2" width={width + 2} height="22" />
    </svg>
  );
}
