// One replica from the side: its figures, what may be done with it, its life with the reasons, and its last words.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ReplicaReport } from "../balancer/admin-api.ts";
import type { ReplicaDetails } from "../balancer/records-api.ts";
import { call } from "./calls.ts";
import { fateOf } from "./departures-table.tsx";
import { bytes, count, duration, percent, short } from "./figures.ts";
import { StateText } from "./fleet-table.tsx";
import type { ReplicaAction } from "./fleet-view.tsx";
import { useChangeRefusal } from "./may-change.ts";
import { Sparkline } from "./sparkline.tsx";
import { visible } from "./visible-text.ts";

interface ReplicaDrawerProps {
  readonly name: string;
  /** Undefined: it is gone. */
  readonly replica: ReplicaReport | undefined;
  readonly onClose: () => void;
  readonly onAct: (action: ReplicaAction, name: string) => void;
}

export function ReplicaDrawer({ name, replica, onClose, onAct }: ReplicaDrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { details, failure } = useDetails(name, replica?.state);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="drawer" onClose={onClose} aria-labelledby="drawer-title">
      <div class="drawer-head">
        <h2 id="drawer-title">{name}</h2>
        <button type="button" class="plain icon" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </div>
      {replica !== undefined && (
        <>
          <p>
            <StateText replica={replica} />
          </p>
          <Actions replica={replica} onAct={onAct} />
          <Facts replica={replica} details={details} />
        </>
      )}
      {details?.departure && <Departed departure={details.departure} onAct={onAct} />}
      {failure !== null && <p class="refused">{failure}</p>}
      {details?.history && <Load history={details.history} />}
      {details !== null && <Life details={details} />}
      {details !== null && <Output details={details} />}
    </dialog>
  );
}

const everyMs = 2_000;

function useDetails(name: string, state: string | undefined) {
  const [details, setDetails] = useState<ReplicaDetails | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    const stopped = new AbortController();
    const look = () =>
      call<ReplicaDetails>("GET", `/api/v1/replicas/${encodeURIComponent(name)}`, undefined, stopped.signal)
        .then((report) => {
          setDetails(report);
          setFailure(null);
        })
        .catch((error: Error) => {
          if (!stopped.signal.aborted) setFailure(error.message);
        });
    void look();
    const timer = setInterval(look, everyMs);
    return () => {
      clearInterval(timer);
      stopped.abort();
    };
  }, [name, state]);
  return { details, failure };
}

function Actions({
  replica: { name, state, seat },
  onAct,
}: Pick<ReplicaDrawerProps, "onAct"> & { replica: ReplicaReport }) {
  const refusal = useChangeRefusal();
  if (seat === 0) return <p class="note">A warm spare: it takes the seat of the next replica that dies.</p>;
  const leaving = state === "draining" || state === "dead";
  const button = (action: ReplicaAction, words: string, danger = false) => (
    <button
      type="button"
      class={danger ? "danger" : undefined}
      disabled={refusal !== null || leaving}
      title={refusal ?? undefined}
      onClick={() => onAct(action, name)}
    >
      {words}
    </button>
  );
  return (
    <div class="actions">
      {button("restart", "Restart")}
      {button("weight", "Change weight")}
      {button("remove", "Drain and remove", true)}
    </div>
  );
}

function Facts({ replica, details }: { replica: ReplicaReport; details: ReplicaDetails | null }) {
  const { seat, weight, ramp, share, address, pid, inFlight, cpuPercent, rssBytes } = replica;
  const figures = details?.figures ?? null;
  const facts: readonly (readonly [string, string | null])[] = [
    ["Address", address],
    ["Process", pid === null ? null : String(pid)],
    ["Seat", seat === 0 ? null : String(seat)],
    ["Weight", ramp === null || ramp === 1 ? String(weight) : `${weight}, at ${percent(ramp)} of it now`],
    ["Share of the keys", share === null ? null : percent(share)],
    ["In flight", count(inFlight)],
    ["Requests/s", figures && short(figures.requestsPerS)],
    ["Errors/s", figures && short(figures.errorsPerS)],
    ["p50", figures?.p50Ms == null ? null : duration(figures.p50Ms)],
    ["p99", figures?.p99Ms == null ? null : duration(figures.p99Ms)],
    ["CPU", cpuPercent === null ? null : `${cpuPercent} %`],
    ["Memory", rssBytes === null ? null : bytes(rssBytes)],
    ["Took over from", details?.predecessor ?? null],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) =>
        value === null ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

type Departure = NonNullable<ReplicaDetails["departure"]>;

function Departed({ departure, onAct }: { departure: Departure } & Pick<ReplicaDrawerProps, "onAct">) {
  const { reason, replaced, successor, goneMs } = departure;
  return (
    <>
      <p>
        <span class="state dead">gone</span>
        <span class="soft reason">
          {reason}, {clockTime(goneMs)}
        </span>
      </p>
      <p class="soft">
        Its seat: {fateOf(replaced, successor)}.{" "}
        {successor !== null && (
          <button type="button" class="link" onClick={() => onAct("details", successor.name)}>
            See {successor.name}
          </button>
        )}
      </p>
    </>
  );
}

function Load({ history: { figures } }: { history: NonNullable<ReplicaDetails["history"]> }) {
  return (
    <section>
      <h3>Requests/s, the last quarter of an hour</h3>
      <Sparkline values={figures.requestsPerS} label="Requests per second over the last quarter of an hour" />
    </section>
  );
}

function Life({ details: { life } }: { details: ReplicaDetails }) {
  return (
    <section>
      <h3>Its life</h3>
      <ol class="life">
        {life.toReversed().map(({ state, atMs, reason }) => (
          <li key={`${atMs} ${state}`}>
            <time dateTime={new Date(atMs).toISOString()}>{clockTime(atMs)}</time>
            <span class={`state ${state}`}>{state}</span>
            <span class="soft">{reason}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Output({ details: { output } }: { details: ReplicaDetails }) {
  return (
    <section>
      <h3>Last lines of output</h3>
      {output === null && <p class="soft">What it writes is not seen from here.</p>}
      {output?.length === 0 && <p class="soft">It has written nothing.</p>}
      {output !== null && output.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <pre class="output" tabIndex={0}>
          {output.map(({ stream, text }, index) => (
            <span key={`${index} ${text}`} class={stream}>
              {visible(text)}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </section>
  );
}

function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}
