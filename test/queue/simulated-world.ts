// A small world in which the ownership reducer is tried: brokers that crash, hang, wake up again and are killed late;
// messages that take their time; a store that knows the epoch of each tablet and who has it open; producers that
// follow routes which may be out of date; a control plane that is itself started anew. One seed, one history.
// The world checks what must always hold, and records what went wrong in words. It holds no threads and no clock:
// time is a number, and what happens next is the earliest entry of the agenda.

import { seededRandom } from "../../src/load/random.ts";
import {
  createOwnership,
  type Ownership,
  type OwnershipEffect,
  type OwnershipEvent,
  type OwnershipStep,
} from "../../src/queue/ownership.ts";
import { createAgenda } from "./agenda.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly tablets: number;
  readonly reduce: (state: Ownership, event: OwnershipEvent, nowMs: number) => OwnershipStep;
  /** False: a store that forgets to compare epochs. A fault that the checks must find. */
  readonly fencing?: boolean;
}

export interface WorldReport {
  /** What must not happen, and did; empty for a sound reducer. */
  readonly violations: readonly string[];
  /** To show that the histories are not empty. */
  readonly acked: number;
  readonly moves: number;
  readonly kills: number;
  readonly restarts: number;
  /** What the world ended as, once the faults had stopped. */
  readonly final: Ownership;
}

interface Disk {
  epoch: number;
  readonly log: { readonly value: number; readonly epoch: number }[];
  readonly openBy: Set<Process>;
}

interface Process {
  readonly name: string;
  readonly seat: number;
  alive: boolean;
  paused: boolean;
  /** What it will do when it goes on. */
  readonly held: (() => void)[];
  readonly open: Map<number, { readonly epoch: number; serving: boolean; underWay: number }>;
}

const FAULTS_UNTIL_MS = 20_000;
const END_MS = 60_000;
const HEARTBEATS_MS = 1500;

/** Runs one history to its end. */
export function runWorld({ seed, tablets, reduce, fencing = true }: WorldOptions): WorldReport {
  const random = seededRandom(seed);
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low));
  const agenda = createAgenda();
  const disks = Array.from({ length: tablets }, (): Disk => ({ epoch: 0, log: [], openBy: new Set() }));
  const processes: Process[] = [];
  const violations: string[] = [];
  const writers = new Map<string, Process>();
  const acks: { readonly tablet: number; readonly offset: number; readonly value: number }[] = [];
  const counts = { moves: 0, kills: 0, restarts: 0 };
  const remembered = new Array<number>(tablets).fill(0);
  let routes = new Array<string | null>(tablets).fill(null);
  const heardAtMs = new Map<string, number>();
  let nextSeat = 1;
  let nextValue = 0;
  let state = createOwnership(remembered, 0);
  /** Raised when the control plane is started anew: what an earlier one had in mind is void. */
  let reign = 0;
  /** True while there is no control plane; nothing else goes wrong meanwhile. */
  let down = false;
  let pending: OwnershipEffect[] = [];
  let carryingOut = false;

  /** Something that this process does: not when it is dead, and only later when it is stopped. */
  function act(process: Process, run: () => void): void {
    if (!process.alive) return;
    if (process.paused) process.held.push(() => act(process, run));
    else run();
  }

  /** What one broker's side reports arrives in the order in which it was sent. */
  function tellControl(event: OwnershipEvent & { readonly broker: string }, delayMs = between(0, 5)): void {
    const sentTo = reign;
    const at = Math.max(agenda.nowMs() + delayMs, heardAtMs.get(event.broker) ?? 0);
    heardAtMs.set(event.broker, at);
    agenda.later(at - agenda.nowMs(), () => {
      if (reign === sentTo) happen(event);
    });
  }

  function happen(event: OwnershipEvent): void {
    const step = reduce(state, event, agenda.nowMs());
    for (const [tablet, place] of step.state.tablets.entries()) {
      if (place.epoch < (state.tablets[tablet]?.epoch ?? 0))
        violations.push(`epoch of tablet ${tablet} fell`);
    }
    state = step.state;
    pending.push(...step.effects);
    if (!carryingOut) carryOut();
  }

  /** Effects in their order; remembering takes as long as a sync. */
  function carryOut(): void {
    carryingOut = true;
    const effect = pending.shift();
    if (effect === undefined) {
      carryingOut = false;
      return;
    }
    const of = reign;
    const next = (): void => {
      if (of === reign) carryOut();
    };
    if (effect.kind === "remember") {
      agenda.later(between(1, 6), () => {
        if (of === reign) remembered[effect.tablet] = effect.epoch;
        next();
      });
      return;
    }
    perform(effect);
    next();
  }

  function perform(effect: OwnershipEffect): void {
    if (effect.kind === "route") {
      counts.moves++;
      // The front door learns of it a little later, and sends by the old route until then.
      agenda.later(between(0, 4), () => {
        routes[effect.tablet] = effect.broker;
      });
      return;
    }
    if (effect.kind === "remember" || effect.kind === "quarantine") return;
    const process = processes.find((one) => one.alive && one.name === effect.broker);
    if (process === undefined) return;
    if (effect.kind === "kill") {
      counts.kills++;
      agenda.later(between(0, 40), () => die(process));
    } else if (effect.kind === "stop") agenda.later(between(0, 20), () => act(process, () => die(process)));
    else if (effect.kind === "open") {
      agenda.later(between(0, 5), () => act(process, () => open(process, effect.tablet, effect.epoch)));
    } else agenda.later(between(0, 5), () => act(process, () => close(process, effect.tablet, effect.epoch)));
  }

  function open(process: Process, tablet: number, epoch: number): void {
    const disk = disks[tablet] as Disk;
    for (const other of disk.openBy) {
      if (other !== process) {
        violations.push(`${process.name} opens tablet ${tablet} while ${other.name} lives with it`);
      }
    }
    disk.openBy.add(process);
    process.open.set(tablet, { epoch, serving: false, underWay: 0 });
    if (agenda.nowMs() < FAULTS_UNTIL_MS && random() < 0.01) {
      die(process);
      return;
    }
    agenda.later(between(1, 20), () => act(process, () => claim(process, tablet, epoch)));
  }

  function claim(process: Process, tablet: number, epoch: number): void {
    const disk = disks[tablet] as Disk;
    const place = process.open.get(tablet);
    if (place?.epoch !== epoch) return;
    if (fencing && disk.epoch >= epoch) {
      const found = { kind: "failed" as const, broker: process.name, tablet, epoch, reason: "fenced" };
      letGo(process, tablet);
      tellControl({ ...found, foundEpoch: disk.epoch });
      return;
    }
    disk.epoch = epoch;
    place.serving = true;
    tellControl({ kind: "opened", broker: process.name, tablet, epoch });
  }

  function close(process: Process, tablet: number, epoch: number): void {
    const place = process.open.get(tablet);
    if (place?.epoch !== epoch) return;
    place.serving = false;
    if (place.underWay > 0) {
      agenda.later(2, () => act(process, () => close(process, tablet, epoch)));
      return;
    }
    letGo(process, tablet);
    tellControl({ kind: "closed", broker: process.name, tablet, epoch });
  }

  function letGo(process: Process, tablet: number): void {
    process.open.delete(tablet);
    disks[tablet]?.openBy.delete(process);
  }

  function die(process: Process): void {
    if (!process.alive) return;
    process.alive = false;
    for (const tablet of process.open.keys()) disks[tablet]?.openBy.delete(process);
    tellControl({ kind: "exited", broker: process.name }, between(0, 10));
  }

  /** A producer sends one message by the route it knows. */
  function produce(): void {
    const tablet = between(0, tablets);
    const target = routes[tablet];
    const value = nextValue++;
    const process = processes.find((one) => one.alive && one.name === target);
    if (process !== undefined)
      agenda.later(between(0, 4), () => act(process, () => append(process, tablet, value)));
    if (agenda.nowMs() < END_MS - 5000) agenda.later(between(5, 60), produce);
  }

  /** One transaction: it begins, and some time later it commits if the epoch is still mine. */
  function append(process: Process, tablet: number, value: number): void {
    const place = process.open.get(tablet);
    if (place?.serving !== true) return;
    place.underWay++;
    agenda.later(between(1, 8), () =>
      act(process, () => {
        place.underWay--;
        const disk = disks[tablet] as Disk;
        if (fencing && disk.epoch !== place.epoch) return;
        const mark = `tablet ${tablet} at epoch ${place.epoch}`;
        const writer = writers.get(mark) ?? process;
        if (writer !== process) violations.push(`${writer.name} and ${process.name} both wrote ${mark}`);
        writers.set(mark, process);
        const last = disk.log.at(-1);
        if (last !== undefined && last.epoch > place.epoch) {
          violations.push(`${process.name} wrote ${mark} after epoch ${last.epoch}`);
        }
        const offset = disk.log.push({ value, epoch: place.epoch }) - 1;
        acks.push({ tablet, offset, value });
      }),
    );
  }

  function join(): void {
    const seat = nextSeat++;
    const process: Process = {
      name: `b${seat}`,
      seat,
      alive: true,
      paused: false,
      held: [],
      open: new Map(),
    };
    processes.push(process);
    tellControl({ kind: "joined", broker: process.name, seat });
  }

  /** SIGSTOP, at any point; the heartbeats notice if it lasts. */
  function pause(process: Process): void {
    process.paused = true;
    agenda.later(between(100, 4000), () => resume(process));
    agenda.later(HEARTBEATS_MS, () => {
      if (process.alive && process.paused) {
        tellControl({ kind: "suspected", broker: process.name, reason: "heartbeats missed" });
      }
    });
  }

  function resume(process: Process): void {
    process.paused = false;
    for (const run of process.held.splice(0)) agenda.later(between(0, 3), run);
  }

  /** The control plane dies: its brokers exit, and the next one waits for that before it opens anything. */
  function restartControl(): void {
    counts.restarts++;
    down = true;
    reign++;
    pending = [];
    carryingOut = false;
    routes = routes.map(() => null);
    for (const process of processes) agenda.later(between(0, 60), () => die(process));
    agenda.later(61, () => {
      down = false;
      state = createOwnership(remembered, agenda.nowMs());
      for (let i = 0; i < 2; i++) join();
    });
  }

  function fault(): void {
    const living = processes.filter((process) => process.alive);
    const victim = living[between(0, Math.max(1, living.length))];
    if (down) {
      agenda.later(100, fault);
      return;
    }
    const dice = random();
    if (living.length < 2 || dice < 0.25) {
      if (living.length < 5) join();
    } else if (victim === undefined) join();
    else if (dice < 0.5) pause(victim);
    else if (dice < 0.72) die(victim);
    else if (dice < 0.95) tellControl({ kind: "leave", broker: victim.name });
    else restartControl();
    if (agenda.nowMs() < FAULTS_UNTIL_MS) agenda.later(between(50, 2500), fault);
  }

  function tick(): void {
    happen({ kind: "tick" });
    if (agenda.nowMs() < END_MS) agenda.later(250, tick);
  }

  for (let i = between(1, 4); i > 0; i--) join();
  agenda.later(10, produce);
  agenda.later(between(100, 1000), fault);
  agenda.later(1, tick);
  agenda.later(FAULTS_UNTIL_MS + 5000, () => {
    for (const process of processes) resume(process);
    if (!processes.some((process) => process.alive)) join();
    else join();
    for (const [tablet, place] of state.tablets.entries()) {
      if (place.phase === "quarantined") happen({ kind: "release", tablet });
    }
  });

  for (let run = agenda.next(END_MS); run !== null; run = agenda.next(END_MS)) run();

  for (const { tablet, offset, value } of acks) {
    if (disks[tablet]?.log[offset]?.value !== value)
      violations.push(`message ${value} of tablet ${tablet} is lost`);
  }
  for (const [tablet, place] of state.tablets.entries()) {
    const owner = processes.find((process) => process.name === place.owner);
    if (place.phase !== "owned" || !place.routed || owner?.alive !== true) {
      violations.push(`tablet ${tablet} ends ${place.phase}, owned by ${place.owner}`);
    }
  }
  return { violations, acked: acks.length, ...counts, final: state };
}
