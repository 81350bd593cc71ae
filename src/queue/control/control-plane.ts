// The control plane of a queue: it alone changes topics, shards, ids, and which broker owns which tablet. Joins the
// catalog, the owners (owners.ts), the broker processes (brokers.ts) and the map that all of them get.
//
//   start: lock of the directory → survivors end → catalog → brokers
//   stop:  brokers give their tablets up and end → catalog → lock
import { join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { toErrorText } from "../broker/error-text.ts";
import type { FromBroker } from "../broker/messages.ts";
import type { BrokerNode } from "../broker/node.ts";
import { type Catalog, openCatalog } from "../catalog.ts";
import type { Control, ControlCommand, ControlResults } from "../control-command.ts";
import { type DataDir, openDataDir } from "../data-dir.ts";
import { createLatestMap } from "../latest-map.ts";
import { type MappedBroker, ownerOf, type QueueMap } from "../map.ts";
import { MESSAGE_BYTES_MAX } from "../message.ts";
import type { OwnershipEffect } from "../ownership.ts";
import type { Durability } from "../tablet.ts";
import { backUp } from "./backup.ts";
import { createBrokers, type Member } from "./brokers.ts";
import { createDesk } from "./desk.ts";
import { createFiguresLedger, type QueueFigures } from "./figures-ledger.ts";
import { createOwners } from "./owners.ts";
import { createOwnersWork } from "./owners-work.ts";
import { createQuestions } from "./questions.ts";
import { endSurvivors, type ProcessRecord, recordProcesses } from "./survivors.ts";
import { releaseTablets, requireTablet } from "./tablet-care.ts";
import { createTopicChanges } from "./topic-changes.ts";

export interface ControlPlaneOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** Brokers to begin with: broker0, broker1 …; default 1. Changed since under the same count: as they were left. */
  readonly brokerCount?: number;
  /** For a new data directory; default 32. */
  readonly tablets?: number;
  /** Default `synced`. */
  readonly durability?: Durability;
  /** Default 1 MiB. */
  readonly messageBytesMax?: number;
  /** Default 30 s. */
  readonly retentionEveryMs?: number;
}

export interface ControlPlane {
  /**
   * A node that owns nothing: for requests while no broker lives. What it serves goes to brokers as soon as there
   * are some.
   */
  readonly desk: BrokerNode;
  map(): QueueMap;
  /** Called with each new map. */
  onMap(listener: (map: QueueMap) => void): void;
  figures(): QueueFigures;
  /** Brokers finish what they have; those that do not within the deadline are killed. A second call may hurry. */
  close(deadlineMs?: number): Promise<void>;
}

const TABLETS = 32;
const RETENTION_EVERY_MS = 30_000;
/** How long a tablet that was released may take until it is served or quarantined again: three openings. */
const TRIAL_WAIT_MS = 35_000;
/** How long a broker that has been added waits for its first tablet. */
const FIRST_TABLET_WAIT_MS = 3000;
const CLOSE_DEADLINE_MS = 5000;

/** Rejects with DATA_DIR_IN_USE, DATA_FORMAT, or START_FAILED. Brokers come up afterwards. */
export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const directory = openDataDir(options.dataDir, options.tablets ?? TABLETS);
  try {
    await endSurvivors(directory.path, options.log);
    const catalog = await openCatalog(join(directory.path, "catalog.lmdb"), directory.tabletCount);
    return await governOrClose(options, directory, catalog);
  } catch (error) {
    directory.release();
    throw error;
  }
}

async function governOrClose(
  options: ControlPlaneOptions,
  directory: DataDir,
  catalog: Catalog,
): Promise<ControlPlane> {
  try {
    return govern(options, directory, catalog, recordProcesses(directory.path));
  } catch (error) {
    await catalog.close();
    throw error;
  }
}

function govern(
  options: ControlPlaneOptions,
  directory: DataDir,
  catalog: Catalog,
  record: ProcessRecord,
): ControlPlane {
  const { log, brokerCount = 1, messageBytesMax = MESSAGE_BYTES_MAX } = options;
  const { tabletCount } = directory;
  const latest = createLatestMap();
  const listeners: ((map: QueueMap) => void)[] = [];
  const questions = createQuestions();
  const ledger = createFiguresLedger();
  /** Why tablets were quarantined, the last time. */
  const quarantinedFor = new Map<number, string>();
  let publishing: NodeJS.Immediate | null = null;
  let ownerChanges = 0;
  let closing: Promise<void> | null = null;

  const owners = createOwners({
    epochs: catalog.epochs(),
    remember: catalog.setEpochs,
    carryOut,
    changed: publishSoon,
    log,
    nowMs: () => performance.now(),
  });
  const brokers = createBrokers({
    settings: {
      dataDir: directory.path,
      durability: options.durability ?? "synced",
      messageBytesMax,
      retentionEveryMs: options.retentionEveryMs ?? RETENTION_EVERY_MS,
    },
    tabletCount,
    record,
    log,
    happen: owners.happen,
    onMessage: heard,
    onExit(broker) {
      questions.gone(broker);
      ledger.gone(broker);
    },
    changed: publishSoon,
  });
  const onOwner = createOwnersWork({ latest, brokers, questions, isQuarantined });
  const changes = createTopicChanges(catalog, tabletCount, onOwner, Date.now);

  // — What follows from ownership

  function carryOut(effect: Exclude<OwnershipEffect, { kind: "remember" }>): void {
    switch (effect.kind) {
      case "open":
      case "close": {
        const { kind, tablet, epoch } = effect;
        const file = directory.tabletName(tablet);
        brokers.get(effect.broker)?.process?.send({ kind, tablet, epoch, file });
        break;
      }
      case "kill":
        brokers.kill(effect.broker, effect.reason, effect.during);
        break;
      case "stop":
        brokers.stop(effect.broker);
        break;
      case "route":
        if (effect.broker !== null) ownerChanges++;
        publishSoon();
        break;
      case "quarantine":
        quarantinedFor.set(effect.tablet, effect.reason);
        log.error(
          { event: "quarantine", tablet: effect.tablet },
          `Tablet ${effect.tablet} is quarantined and the others are served: ${effect.reason}`,
        );
        break;
    }
  }

  // — What brokers say

  function heard(broker: Member, message: FromBroker): void {
    switch (message.kind) {
      case "opened":
      case "closed":
      case "failed":
        if (message.kind === "failed") {
          const { tablet, reason } = message;
          log.error({ event: "tablet", broker: broker.name, tablet }, `Tablet ${tablet} failed: ${reason}`);
        }
        // Not from one that has ended: its name may be another's.
        if (brokers.get(broker.name) === broker) owners.happen({ ...message, broker: broker.name });
        if (message.kind === "opened") void changes.bury(message.tablet);
        break;
      case "ask":
        void answer(broker, message.id, message.command);
        break;
      case "answer":
      case "refusal":
        questions.answered(message);
        break;
      case "figures":
        ledger.told(broker, message.figures);
        break;
      case "log":
        log[message.level]({ ...message.fields, broker: broker.name }, message.message);
        break;
      case "ready":
      case "pong":
        break;
    }
  }

  async function answer({ process }: Member, id: number, command: ControlCommand): Promise<void> {
    try {
      const result = await control(command);
      process?.send({ kind: "answer", id, result });
    } catch (error) {
      process?.send({ kind: "refusal", id, error: toErrorText(error) });
    }
  }

  // — Changes

  const control = (async (command) => {
    const result = await carry(command);
    if (command.kind !== "takeId") publishNow();
    return result;
  }) as Control;

  async function carry(command: ControlCommand): Promise<ControlResults[keyof ControlResults]> {
    if (closing !== null) throw new RoundhouseError("SHUTTING_DOWN", "The queue is ending.");
    switch (command.kind) {
      case "createTopic":
        return changes.create(command);
      case "addShard":
        return changes.addShard(command.topic, command.shard, command.createTopic);
      case "deleteTopic":
        return changes.remove(command.topic).then(() => null);
      case "takeId":
        return catalog.takeId(command.series);
      case "backUp":
        return backUp(command.backup, { directory, catalog, copyTablet: onOwner.copyTablet });
      case "compact":
        requireTablet(command.tablet, tabletCount);
        return onOwner.compactTablet(command.tablet);
      case "release":
        return releaseTablets(command.tablet, {
          tabletCount,
          isQuarantined,
          reasonOf: (tablet) => quarantinedFor.get(tablet) ?? null,
          tryAgain,
        });
      case "addBroker":
        return addBroker(command.broker).then(() => null);
      case "removeBroker":
        return removeBrokers(command.broker).then(() => null);
    }
  }

  /** Ready means that it serves a tablet; there may be fewer tablets than brokers, so that it gets none. */
  async function addBroker(name: string): Promise<void> {
    await brokers.add(name);
    await keepBrokers();
    const serves = (map: QueueMap) => map.tablets.some(({ owner }) => owner === name) || undefined;
    await latest.where(serves, FIRST_TABLET_WAIT_MS).catch(() => {});
  }

  async function removeBrokers(name: string | null): Promise<void> {
    const all = name === null ? wantedBrokers() : [name];
    await Promise.all(all.map((one) => brokers.remove(one)));
    await keepBrokers();
  }

  const wantedBrokers = (): string[] =>
    brokers.list().flatMap((broker) => (broker.wanted ? [broker.name] : []));

  /** When there is none left, the next start begins anew. */
  async function keepBrokers(): Promise<void> {
    if (closing !== null) return;
    const keeping = catalog.keepBrokers({ startedWith: brokerCount, names: wantedBrokers() });
    await keeping.catch((err: unknown) =>
      log.warn({ err }, "The brokers' names could not be kept for a restart"),
    );
  }

  function brokersToBegin(): readonly string[] {
    const kept = catalog.brokers();
    if (kept !== null && kept.startedWith === brokerCount && kept.names.length > 0) return kept.names;
    return Array.from({ length: brokerCount }, (_, index) => `broker${index}`);
  }

  function isQuarantined(tablet: number): boolean {
    return owners.state().tablets[tablet]?.phase === "quarantined";
  }

  /** The owner when it serves the tablet; null when it has failed again, or nobody could try in time. */
  async function tryAgain(tablet: number): Promise<string | null> {
    const epochOf = () => owners.state().tablets[tablet]?.epoch ?? 0;
    const before = epochOf();
    owners.happen({ kind: "release", tablet });
    const ended = (map: QueueMap) =>
      isQuarantined(tablet) && epochOf() > before ? null : ownerOf(map, tablet)?.name;
    return latest.where(ended, TRIAL_WAIT_MS).catch(() => null);
  }

  // — The map

  function publishSoon(): void {
    publishing ??= setImmediate(publishNow);
  }

  function publishNow(): void {
    if (publishing !== null) clearImmediate(publishing);
    publishing = null;
    const map = currentMap();
    latest.set(map);
    for (const { process } of brokers.everyone()) process?.send({ kind: "map", map });
    for (const listener of listeners) listener(map);
  }

  function currentMap(): QueueMap {
    const { tablets } = owners.state();
    return {
      version: latest.get().version + 1,
      brokers: brokers.list().map(mapped),
      tablets: tablets.map(({ owner, routed, epoch }) => ({ owner: routed ? owner : null, epoch })),
      topics: catalog.topics(),
    };
  }

  function mapped({ name, address }: Member): MappedBroker {
    const place = owners.state().brokers.get(name);
    const known = address !== null && place !== undefined;
    return {
      name,
      host: address?.host ?? "127.0.0.1",
      port: address?.port ?? 0,
      phase: known ? place.phase : "starting",
    };
  }

  async function closeAll(gone: Promise<void>): Promise<void> {
    await gone;
    owners.close();
    latest.close();
    if (publishing !== null) clearImmediate(publishing);
    await catalog.close().finally(() => {
      record.close();
      directory.release();
    });
  }

  for (const name of brokersToBegin()) brokers.begin(name);
  publishNow();
  return {
    desk: createDesk(latest, control, log, messageBytesMax),
    map: latest.get,
    onMap: (listener) => void listeners.push(listener),
    figures: () => ({
      ...ledger.sums(),
      ownerChanges,
      respawns: brokers.respawns,
      brokers: brokers.list().filter((broker) => broker.address !== null).length,
      quarantined: owners.state().tablets.filter(({ phase }) => phase === "quarantined").length,
      unserved: owners.state().tablets.filter(({ routed }) => !routed).length,
    }),
    close(deadlineMs = CLOSE_DEADLINE_MS) {
      const gone = brokers.close(deadlineMs);
      closing ??= closeAll(gone);
      return closing;
    },
  };
}
