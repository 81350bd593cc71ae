// Several exchanges on one upstream connection, their requests written together (RFC 9112 section 9.3.2). Answers
// come in the order of the requests and carry no id, so each byte belongs to whose turn it is: an exchange sees nothing
// until the answers before its own are complete. Who waits behind an answer that takes too long is moved away. Which
// requests may share, and where, is in batching.ts.
import { settleReads, type Turn } from "./turn.ts";
import type {
  ConnectionTaker,
  ConnectionUser,
  ExchangeConnection,
  UpstreamConnection,
  UpstreamFailure,
} from "./upstream-connection.ts";

/** An exchange that may have to leave the connection that it shares. */
export interface PipelineMember extends ConnectionTaker {
  /** Its place is gone and nothing of its answer was seen: it asks again, on a connection of its own. */
  onUpstreamMoved(): void;
}

/** Whether the upstream may still be sent several requests at once. */
export interface UpstreamTrust {
  readonly trusted: boolean;
  /** An answer at the head may take so long, from when its turn came, until it is complete. */
  readonly answerMsMax: number;
}

/** Nor may it be longer than this, in bytes, head included. */
const answerBytesMax = 64 * 1024;

/** One exchange's place on a shared connection. */
class Place implements ExchangeConnection {
  /** A connection is shared only after its first exchange. */
  readonly exchanges = 1;
  /** Null when it has its answer, or has left. */
  member: PipelineMember | null;
  private readonly pipeline: Pipeline;

  constructor(pipeline: Pipeline, member: PipelineMember) {
    this.pipeline = pipeline;
    this.member = member;
  }

  get unsentBytes(): number {
    return this.pipeline.connection.unsentBytes;
  }

  get writtenIn(): Turn {
    return this.pipeline.connection.writtenIn;
  }

  get readBuffer(): this {
    return this;
  }

  /** So much of its answer is still to come: too much for others to wait behind it. */
  expect(bytes: number, heldBytesMax: number): void {
    if (bytes > answerBytesMax) this.pipeline.retire();
    this.pipeline.connection.readBuffer.expect(bytes, heldBytesMax);
  }

  done(held: boolean): void {
    this.pipeline.connection.readBuffer.done(held);
  }

  text(latin1: string): void {
    this.pipeline.connection.text(latin1);
  }

  /** Never called: what shares a connection has no body. */
  piece(piece: string | Buffer): void {
    this.pipeline.connection.piece(piece);
  }

  resume(): void {
    this.pipeline.connection.resume();
  }

  discard(): void {
    this.pipeline.leave(this);
  }

  release(extraBytes: number, timeoutS: number, nowMs: number): void {
    this.pipeline.answered(this, extraBytes, timeoutS, nowMs);
  }
}

export class Pipeline implements ConnectionUser {
  readonly connection: UpstreamConnection;
  private readonly trust: UpstreamTrust;
  /** In the order of their requests; those who were moved are cut off. */
  private readonly places: Place[] = [];
  /** Whose answer comes: an index into the places. */
  private turn = 0;
  /** performance.now() when that turn came. */
  private turnSinceMs = 0;
  private turnBytes = 0;
  /** Bytes at the end of what was just read that belong to the next answer. */
  private extraBytes = 0;
  /** The connection is closed after the answer at the head: further answers are on their way that nobody wants. */
  private retired = false;
  /** The connection is no longer this pipeline's. */
  private over = false;

  /** Takes over an idle connection that has served before. */
  constructor(connection: UpstreamConnection, trust: UpstreamTrust) {
    this.connection = connection;
    this.trust = trust;
    connection.assign(this);
  }

  /** The member writes its request; nothing is sent before {@link start}. */
  add(member: PipelineMember): void {
    const place = new Place(this, member);
    this.places.push(place);
    member.onUpstreamConnection(place);
  }

  /** Sends what the members wrote, in one write. */
  start(nowMs: number): void {
    this.turnSinceMs = nowMs;
    watch(this);
    this.connection.writeNow();
  }

  // — Answers

  onUpstreamBytes(bytes: Buffer, start: number, end: number): boolean {
    let from = start;
    for (;;) {
      const place = this.places[this.turn] as Place;
      const readOn = (place.member as PipelineMember).onUpstreamBytes(bytes, from, end);
      if (this.over) return true;
      if (place.member !== null) return this.judge(end - from, readOn);
      if (this.extraBytes === 0) return true;
      from = end - this.extraBytes;
    }
  }

  /** The answer at the head goes on. */
  private judge(bytes: number, readOn: boolean): boolean {
    this.turnBytes += bytes;
    if (!readOn || this.turnBytes > answerBytesMax) this.retire();
    return readOn;
  }

  /** An answer is complete; `extraBytes` of what was read last are not its. */
  answered(place: Place, extraBytes: number, timeoutS: number, nowMs: number): void {
    place.member = null;
    this.turn++;
    this.turnSinceMs = nowMs;
    this.turnBytes = 0;
    this.extraBytes = extraBytes;
    if (this.turn === this.places.length && !this.retired) {
      this.finish();
      this.connection.release(extraBytes, timeoutS, nowMs);
    } else if (this.retired || !this.trust.trusted) this.end();
    else if (this.turn + 1 === this.places.length) unwatch(this); // nobody waits behind the last
  }

  // — Leaving

  /** A member wants no answer any more, or could make nothing of it: who is behind it must not wait for that. */
  leave(place: Place): void {
    const index = this.places.indexOf(place);
    if (place.member === null || index < 0) return;
    place.member = null;
    if (index === this.turn) {
      this.end();
      return;
    }
    this.retired = true;
    this.moveFrom(index);
  }

  /** Who waits is moved; the answer at the head is the connection's last. */
  retire(): void {
    if (this.turn + 1 >= this.places.length) return; // nobody waits
    this.retired = true;
    unwatch(this);
    this.moveFrom(this.turn + 1);
  }

  /** Called every few milliseconds while somebody waits. */
  sweep(nowMs: number): void {
    if (nowMs - this.turnSinceMs >= this.trust.answerMsMax) this.retire();
  }

  private end(): void {
    this.finish();
    this.connection.discard();
    this.moveFrom(this.turn);
  }

  private finish(): void {
    this.over = true;
    unwatch(this);
  }

  private moveFrom(index: number): void {
    for (const place of this.places.splice(index)) {
      const { member } = place;
      place.member = null;
      member?.onUpstreamMoved();
    }
  }

  // — The connection

  onUpstreamSent(): void {
    for (const { member } of this.places) member?.onUpstreamSent();
  }

  onUpstreamDrain(): void {
    for (const { member } of this.places) member?.onUpstreamDrain();
  }

  /** Its last answer may end so; whatever the member does then, it gives up its place. */
  onUpstreamEnd(): void {
    this.places[this.turn]?.member?.onUpstreamEnd();
  }

  onUpstreamGone(failure: UpstreamFailure): void {
    this.finish();
    for (const place of this.places.splice(this.turn)) {
      const { member } = place;
      place.member = null;
      member?.onUpstreamGone(failure);
    }
  }
}

// — The watch: one coarse timer for all pipelines, running only while there are any

const watchEveryMs = 2;
const heldUpMs = 5 * watchEveryMs;
const watched = new Set<Pipeline>();
let timer: NodeJS.Timeout | undefined;
let lastMs = 0;

function watch(pipeline: Pipeline): void {
  watched.add(pipeline);
  if (timer === undefined) wait(performance.now());
}

function unwatch(pipeline: Pipeline): void {
  watched.delete(pipeline);
}

function wait(nowMs: number): void {
  lastMs = nowMs;
  timer = setTimeout(look, watchEveryMs).unref();
}

// As with the other deadlines: judged after what came in this turn was looked at, and not when we ourselves were held up.
function look(): void {
  timer = undefined;
  if (watched.size === 0) return;
  const nowMs = performance.now();
  if (nowMs - lastMs <= heldUpMs) setImmediate(judgeAll);
  wait(nowMs);
}

function judgeAll(): void {
  settleReads();
  const nowMs = performance.now();
  for (const pipeline of watched) pipeline.sweep(nowMs);
}
