// The traffic: who got how much, how long it took, what was answered, and what went wrong, over the last quarter of an
// hour.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { StatusReport } from "../balancer/admin-api.ts";
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { ReplicasReport, TrafficHistoryReport } from "../balancer/records-api.ts";
import type { Totals } from "../telemetry/traffic-step.ts";
import { call } from "./calls.ts";
import { seatColour } from "./colours.ts";
import { duration, percent, short } from "./figures.ts";
import { useReading } from "./live.ts";
import { type Span, Spans, spans } from "./spans.tsx";
import { type Line, type Mark, TimeChart } from "./time-chart.tsx";
import { busiestStreams, replicasMax, type TrafficTrack, trackOf, withStep } from "./traffic-track.ts";
import type { ViewProps } from "./views.ts";

/** Seats that can be told apart. */
const streamsMax = 12;
const colours = {
  good: "#2a957a",
  calm: "#3f6fd8",
  warn: "#d0721d",
  bad: "#cf4a45",
  violet: "#8a63d2",
  grey: "#87857e",
};

export function TrafficView({ fleet }: ViewProps) {
  const now = useReading<TrafficNow>("traffic");
  const track = useTrack(now);
  const departures = useDepartures(now?.departed ?? 0);
  const [chosen, setChosen] = useState<Span | null>(null);
  if (track === null || now?.totals == null) return <p class="empty">The first figures come in a moment…</p>;
  const span = chosen ?? spanFor(track);
  return (
    <section class="traffic">
      <div class="view-head">
        <h2>Traffic</h2>
        <Spans chosen={span} onChoose={setChosen} />
      </div>
      <Headline totals={now.totals} />
      <Charts track={track} fleet={fleet} departures={departures} spanMs={span.ms} />
    </section>
  );
}

/** The shortest that shows all, until somebody chooses: a front door that was just started would show a sliver. */
function spanFor({ atMs }: TrafficTrack): Span {
  const coveredMs = (atMs.at(-1) ?? 0) - (atMs[0] ?? 0);
  return spans.findLast(({ ms }) => ms >= coveredMs) ?? spans[0];
}

type Departures = ReplicasReport["departures"];

/** What the server remembers, and every step since; asked for anew when steps were missed. */
function useTrack(now: TrafficNow | null): TrafficTrack | null {
  const [track, setTrack] = useState<TrafficTrack | null>(null);
  useEffect(() => {
    if (now === null || now.totals === null) return;
    const next = track === null ? null : withStep(track, now);
    if (next !== null) return setTrack(next);
    const left = new AbortController();
    call<TrafficHistoryReport>("GET", `/api/v1/history?replicas=${replicasMax}`, undefined, left.signal)
      .then((report) => setTrack(trackOf(report)))
      .catch(() => {}); // the next step asks again
    return () => left.abort();
  }, [now?.atMs]);
  return track;
}

/** Who went, for the marks on the charts and the seats of those who are not there any more. */
function useDepartures(departed: number): Departures {
  const [departures, setDepartures] = useState<Departures>([]);
  useEffect(() => {
    const left = new AbortController();
    call<ReplicasReport>("GET", "/api/v1/replicas", undefined, left.signal)
      .then((report) => setDepartures(report.departures))
      .catch(() => {}); // marks are missing until the next one goes
    return () => left.abort();
  }, [departed]);
  return departures;
}

function Headline({ totals }: { readonly totals: Totals }) {
  const { requestsPerS, s5xxPerS, p50Ms, p99Ms, inFlight, connections, overflowPerS } = totals;
  const part = (of: number) => (requestsPerS === 0 ? 0 : of / requestsPerS);
  return (
    <dl class="headline">
      <Figure name="Requests/s">{short(requestsPerS)}</Figure>
      <Figure name="Half are done in">{p50Ms === null ? "–" : duration(p50Ms)}</Figure>
      <Figure name="99 % are done in">{p99Ms === null ? "–" : duration(p99Ms)}</Figure>
      <Figure name="Failed (5xx)" bad={s5xxPerS > 0}>
        {percent(part(s5xxPerS))}
      </Figure>
      <Figure name="In flight">{short(inFlight)}</Figure>
      <Figure name="Connections">{short(connections)}</Figure>
      {overflowPerS > 0 && <Figure name="Overflow">{percent(part(overflowPerS))}</Figure>}
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly bad?: boolean;
  readonly children: preact.ComponentChildren;
}

function Figure({ name, bad = false, children }: FigureProps) {
  return (
    <div class={bad ? "bad" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface ChartsProps {
  readonly track: TrafficTrack;
  readonly fleet: StatusReport;
  readonly departures: Departures;
  readonly spanMs: number;
}

function Charts({ track, fleet, departures, spanMs }: ChartsProps) {
  const { atMs, totals } = track;
  const marks = useMemo(() => marksOf(departures), [departures]);
  const shared = { atMs, spanMs, marks };
  const line = (label: string, colour: string, of: keyof Totals): Line => ({
    label,
    colour,
    values: totals[of],
  });
  const lines = useMemo(
    () => ({
      replicas: replicaLines(track, fleet, departures),
      latency: [
        line("p50", colours.good, "p50Ms"),
        line("p95", colours.calm, "p95Ms"),
        line("p99", colours.violet, "p99Ms"),
      ],
      answers: [
        line("5xx", colours.bad, "s5xxPerS"),
        line("4xx", colours.warn, "s4xxPerS"),
        line("3xx", colours.violet, "s3xxPerS"),
        line("2xx", colours.good, "s2xxPerS"),
      ],
      second: [
        line("Re-dispatched/s", colours.calm, "redispatchedPerS"),
        line("Retried/s", colours.violet, "retriesPerS"),
        line("Overflow/s", colours.warn, "overflowPerS"),
        line("Set aside", colours.bad, "ejections"),
      ],
      inFlight: [
        line("In flight", colours.calm, "inFlight"),
        line("Waiting for a place", colours.warn, "waiting"),
        line("Connections", colours.grey, "connections"),
      ],
    }),
    [track, departures],
  );
  return (
    <>
      <TimeChart
        {...shared}
        title="Requests by replica"
        note="per second; a dashed line: a replica died"
        lines={lines.replicas}
        stacked
        height={260}
        format={short}
        atLeast={1}
      />
      <div class="charts">
        <TimeChart
          {...shared}
          title="Latency"
          note="from the last byte of the request's head to the last of the answer, over 10 s"
          lines={lines.latency}
          height={200}
          format={duration}
          atLeast={1}
        />
        <TimeChart
          {...shared}
          title="Answers by status"
          note="per second"
          lines={lines.answers}
          stacked
          height={200}
          format={short}
          atLeast={1}
        />
        <TimeChart
          {...shared}
          title="Second attempts and detours"
          note="sent again, retried, sent elsewhere; replicas set aside"
          lines={lines.second}
          height={200}
          format={short}
          atLeast={1}
        />
        <TimeChart
          {...shared}
          title="Under way"
          note="requests and client connections"
          lines={lines.inFlight}
          height={200}
          format={short}
          atLeast={4}
        />
      </div>
    </>
  );
}

/** Who was removed went quietly; a mark says that somebody did not. */
function marksOf(departures: Departures): Mark[] {
  return departures
    .filter(({ replaced, successor }) => replaced && successor?.tookMs !== 0)
    .map(({ outMs }) => ({ atMs: outMs, colour: colours.bad }));
}

function replicaLines(track: TrafficTrack, fleet: StatusReport, departures: Departures): Line[] {
  const seats = new Map(departures.map(({ name, seat }) => [name, seat]));
  for (const { name, seat } of fleet.replicas) seats.set(name, seat);
  const { streams, others } = busiestStreams(track, streamsMax, (name) => seats.get(name) ?? unknownSeat);
  const lines = streams.map(({ seat, name, values }) => ({
    label: seat === unknownSeat ? "Gone long ago" : name,
    colour: seat === unknownSeat ? colours.grey : seatColour(seat),
    values,
  }));
  return others === null ? lines : [...lines, { label: "All others", colour: colours.grey, values: others }];
}

/** Of those that went before the last hundred departures. */
const unknownSeat = Number.POSITIVE_INFINITY;
