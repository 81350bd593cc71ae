// Puts a server under load and measures how it does: the engine of `roundhouse load` and of the experiments.
//
//   closed model: so many users, each of whom asks again as soon as the answer is there
//   open model:   requests come at a rate, whether or not earlier ones were answered
//
// Keys, methods and arrivals follow a seed. Nothing is measured here that recorder.ts does not say how.
import { RoundhouseError } from "../errors.ts";
import { createArrivals, createPlan, type Plan, type Stage } from "./arrivals.ts";
import { ClientConnection, type ConnectionUser, type Failure, type Target } from "./client-connection.ts";
import type { KeySource } from "./keys.ts";
import type { Random } from "./random.ts";
import { type LatencySummary, type LoadCounts, type LoadSample, Recorder } from "./recorder.ts";
import type { MethodShare } from "./request-text.ts";

export interface LoadOptions {
  readonly target: Target;
  readonly model: "open" | "closed";
  /** Rates in requests/s (open) or users (closed); see arrivals.ts. */
  readonly stages: readonly Stage[];
  /** Ends after so many requests, if the stages have not ended before. Default: no limit. */
  readonly requestCount?: number;
  /** How open arrivals are spread. Default `even`. */
  readonly spacing?: "even" | "poisson";
  readonly methods: readonly MethodShare[];
  readonly keys: KeySource;
  /** See request-text.ts. */
  readonly requestText: (method: string, key: string) => string;
  /** The replica that made an answer, found in its head and the first 4 KB of its body; null: unknown. */
  readonly replicaOf?: (sample: string) => string | null;
  /** From due to the answer's end; later the request has failed. Default 10,000. */
  readonly timeoutMs?: number;
  /** Connections of the open model. Default 256. */
  readonly connectionsMax?: number;
  readonly random: Random;
  readonly signal?: AbortSignal;
  /** How long each sample of {@link LoadResult.samples} is; default 1000. */
  readonly sampleMs?: number;
  /** Called with each sample as it is taken. */
  readonly onSample?: (sample: LoadSample) => void;
}

export interface LoadResult {
  readonly startedAt: string;
  readonly seconds: number;
  readonly counts: LoadCounts;
  readonly answersPerS: number;
  readonly byCode: Readonly<Record<string, number>>;
  readonly byReplica: Readonly<Record<string, number>>;
  /** What failed requests met, in words, and how often; the first twenty different ones. */
  readonly problems: Readonly<Record<string, number>>;
  readonly latencyMs: LatencySummary | null;
  readonly serviceMs: LatencySummary | null;
  readonly sendDelayMs: LatencySummary | null;
  readonly samples: readonly LoadSample[];
}

/** A request that has come due. */
interface Job {
  readonly method: string;
  readonly text: string;
  readonly dueMs: number;
  sentMs: number;
  /** It has been sent on a connection that turned out to be closed. */
  resent: boolean;
}

/** A user of the closed model whose connection failed waits so long, so that a dead server is not hammered. */
const pauseMs = 20;
const waitingMax = 1_000_000;

/** Runs the load to its end. Rejects with BAD_CONFIG before anything is sent; failures of requests are counted. */
export function runLoad(options: LoadOptions): Promise<LoadResult> {
  const plan = createPlan(options.stages);
  if (plan.seconds > 0) return new Load(options, plan).run();
  throw new RoundhouseError(
    "BAD_CONFIG",
    "The load has no duration; accepted: at least one stage such as 10s:100",
  );
}

class Load implements ConnectionUser {
  private readonly options: LoadOptions;
  private readonly plan: Plan;
  private readonly recorder = new Recorder();
  private readonly jobs = new Map<ClientConnection, Job>();
  private readonly idle: ClientConnection[] = [];
  /** Due, and no connection is free. */
  private readonly waiting: Job[] = [];
  private readonly nextDueS: () => number | null;
  private upcomingS: number | null = null;
  private begun = 0;
  private users = 0;
  private ending = false;
  private startMs = 0;
  private finish: () => void = () => {};

  constructor(options: LoadOptions, plan: Plan) {
    this.options = options;
    this.plan = plan;
    this.nextDueS = createArrivals(plan, options.spacing ?? "even", options.random);
  }

  async run(): Promise<LoadResult> {
    const startedAt = new Date().toISOString();
    const finished = new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    this.startMs = performance.now();
    this.upcomingS = this.options.model === "open" ? this.nextDueS() : null;
    const timers = [
      setInterval(() => this.tick(), 1),
      setInterval(() => this.giveUpLate(), 20),
      setInterval(() => this.sample(), this.sampleMs),
    ];
    const stop = () => this.end();
    this.options.signal?.addEventListener("abort", stop, { once: true });
    if (this.options.signal?.aborted === true) this.end();
    this.tick();
    await finished;
    for (const timer of timers) clearInterval(timer);
    this.options.signal?.removeEventListener("abort", stop);
    const seconds = this.atS;
    if (seconds - (this.recorder.samples.at(-1)?.atS ?? 0) > 0.05 * (this.sampleMs / 1000)) this.sample();
    for (const connection of [...this.idle, ...this.jobs.keys()]) connection.close();
    return this.result(startedAt, seconds);
  }

  private get sampleMs(): number {
    return this.options.sampleMs ?? 1000;
  }

  private get atS(): number {
    return (performance.now() - this.startMs) / 1000;
  }

  // — Requests come due

  private tick(): void {
    if (this.atS >= this.plan.seconds || this.isEnough) this.end();
    if (!this.ending && this.options.model === "open") this.takeDue();
    if (!this.ending && this.options.model === "closed") this.adjustUsers();
    if (this.ending && this.jobs.size === 0) this.finish();
  }

  private giveUpLate(): void {
    const nowMs = performance.now();
    for (const connection of [...this.jobs.keys()]) if (nowMs > connection.deadlineMs) connection.giveUp();
  }

  private get isEnough(): boolean {
    return this.begun >= (this.options.requestCount ?? Number.POSITIVE_INFINITY);
  }

  private takeDue(): void {
    const nowS = this.atS;
    while (this.upcomingS !== null && this.upcomingS <= nowS && !this.isEnough) {
      this.place(this.newJob(this.startMs + this.upcomingS * 1000));
      this.upcomingS = this.nextDueS();
    }
  }

  private adjustUsers(): void {
    const wanted = Math.round(this.plan.level(this.atS));
    for (; this.users < wanted && !this.isEnough; this.users++) this.place(this.newJob(performance.now()));
  }

  private newJob(dueMs: number): Job {
    this.begun++;
    const method = this.pickMethod();
    const text = this.options.requestText(method, this.options.keys());
    return { method, text, dueMs, sentMs: 0, resent: false };
  }

  private pickMethod(): string {
    const { methods, random } = this.options;
    if (methods.length === 1) return methods[0]?.method as string;
    let left = random();
    for (const { method, share } of methods) {
      left -= share;
      if (left < 0) return method;
    }
    return methods.at(-1)?.method as string;
  }

  // — They are sent

  private place(job: Job): void {
    const connection = this.idle.pop() ?? this.newConnection();
    if (connection !== null) this.send(connection, job);
    else if (this.waiting.length < waitingMax) this.waiting.push(job);
    else this.recorder.counts.unsent++;
  }

  private newConnection(): ClientConnection | null {
    const { model, connectionsMax = 256, target, replicaOf } = this.options;
    if (model === "open" && this.jobs.size + this.idle.length >= connectionsMax) return null;
    return new ClientConnection(target, replicaOf !== undefined, this);
  }

  private send(connection: ClientConnection, job: Job): void {
    job.sentMs = performance.now();
    connection.deadlineMs = job.dueMs + (this.options.timeoutMs ?? 10_000);
    this.jobs.set(connection, job);
    connection.send(job.text, job.method);
  }

  // — And end

  onAnswer(connection: ClientConnection, answer: Parameters<ConnectionUser["onAnswer"]>[1]): void {
    const job = this.jobs.get(connection) as Job;
    this.jobs.delete(connection);
    const replica = this.options.replicaOf?.(answer.sample) ?? null;
    const counted = this.options.replicaOf === undefined ? null : (replica ?? "(unknown)");
    this.recorder.answer(answer.code, answer.bytes, counted, job.dueMs, job.sentMs, performance.now());
    if (!connection.isOver) this.idle.push(connection);
    this.next();
  }

  onFailure(connection: ClientConnection, failure: Failure, problem: string): void {
    const job = this.jobs.get(connection) as Job;
    this.jobs.delete(connection);
    const stale = failure === "reset" && connection.answered > 0 && !connection.isHeard;
    if (stale && !job.resent && job.method !== "POST" && !this.ending) {
      job.resent = true; // the server had closed it between two requests, as it may: RFC 9112 section 9.3.1
      this.recorder.counts.resent++;
      this.place(job);
      return;
    }
    this.recorder.failure(failure, problem);
    if (this.options.model === "closed") setTimeout(() => this.next(), pauseMs);
    else this.next();
  }

  onClosed(connection: ClientConnection): void {
    const index = this.idle.indexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  /** A connection is free, or a user has an answer. */
  private next(): void {
    if (this.options.model === "open") {
      const job = this.waiting.shift();
      if (job !== undefined && !this.ending) this.place(job);
    } else if (!this.ending) {
      if (this.users > Math.round(this.plan.level(this.atS)) || this.isEnough) this.users--;
      else this.place(this.newJob(performance.now()));
    }
    if (this.ending && this.jobs.size === 0) this.finish();
    else if (this.isEnough && this.jobs.size === 0 && this.waiting.length === 0) this.end();
  }

  /** No further request begins; what is under way may finish. */
  private end(): void {
    if (this.ending) return;
    const drained = this.options.requestCount !== undefined && this.isEnough && this.waiting.length > 0;
    if (drained && this.options.signal?.aborted !== true) return;
    this.ending = true;
    this.recorder.counts.unsent += this.waiting.splice(0).length;
    if (this.jobs.size === 0) this.finish();
  }

  // — What comes out

  private sample(): void {
    const atS = this.atS;
    const middleS = Math.min(Math.max(0, atS - this.sampleMs / 2000), this.plan.seconds);
    this.recorder.endSample(atS, this.plan.level(middleS));
    const sample = this.recorder.samples.at(-1);
    if (sample !== undefined) this.options.onSample?.(sample);
  }

  private result(startedAt: string, seconds: number): LoadResult {
    const { counts, byCode, byReplica, problems, samples } = this.recorder;
    return {
      startedAt,
      seconds,
      counts,
      answersPerS: counts.answered / seconds,
      byCode: Object.fromEntries([...byCode].sort(([a], [b]) => a - b)),
      byReplica: Object.fromEntries(
        [...byReplica].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })),
      ),
      problems: Object.fromEntries(problems),
      ...this.recorder.latencies(),
      samples,
    };
  }
}
