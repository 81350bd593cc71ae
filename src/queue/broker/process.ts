// A broker as a process: joins the channel to the control plane, the tablets that it owns, the map, upkeep and
// figures, and is the node that the HTTP service sees. What HTTP says is wire/'s.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../telemetry/log.ts";
import { createLatestMap } from "../latest-map.ts";
import type { Damage, Tablet, TabletEvents } from "../tablet.ts";
import { createWaits } from "../waits.ts";
import { toErrorText } from "./error-text.ts";
import { commitBucketsBytes, commitBucketsS, createFigures, observe } from "./figures.ts";
import { furthestBehind, lagsOf } from "./lags.ts";
import { type Link, type Order, openLink } from "./link.ts";
import type { BrokerSettings } from "./messages.ts";
import type { BrokerNode } from "./node.ts";
import { createOwnedTablets } from "./owned-tablets.ts";
import { serveNode } from "./serve.ts";
import { createUpkeep } from "./upkeep.ts";
import { createWorkMarks } from "./work-marks.ts";

const FIGURES_EVERY_MS = 1000;
/** Lags are read from the tablets: with every tenth telling. */
const LAGS_EVERY = 10;
/** From "stop" to the end of listening: others may learn of it a moment later. */
const STOP_GRACE_MS = 100;
/** For requests under way when the broker is told to stop; as long as one may wait for an owner. */
const STOP_DEADLINE_MS = 10_500;
/** Damaged places that are told of once each. */
const DAMAGES_KNOWN_MAX = 1000;

/** Serves until the control plane says stop, or is gone. */
export async function runBroker(settings: BrokerSettings): Promise<void> {
  const { name, dataDir } = settings;
  const link: Link = openLink(obey);
  const log = logOver(link);
  const latest = createLatestMap();
  const waits = createWaits();
  const figures = createFigures();
  const damages = new Set<string>();
  let told = 0;
  let stopping = false;

  const events: TabletEvents = {
    onAppended(shard, _end, messages, bytes) {
      figures.messages += messages;
      figures.bytes += bytes;
      waits.wake(shard);
    },
    onCommitted(_appends, bytes, tookMs) {
      observe(figures.commitS, commitBucketsS, tookMs / 1000);
      observe(figures.commitBytes, commitBucketsBytes, bytes);
    },
    onDamaged: noteDamage,
  };
  const tablets = createOwnedTablets({
    owner: `broker ${name}, process ${process.pid}`,
    durability: settings.durability,
    events,
    report: link.send,
    mark: createWorkMarks(dataDir, name).marked,
    onFull: () => upkeep.onFull(),
  });
  const upkeep = createUpkeep({
    dataDir,
    name,
    everyMs: settings.retentionEveryMs,
    map: latest.get,
    tablets,
  });

  const node: BrokerNode = {
    // Once it has given everything up, another process may bear its name.
    get name() {
      return stopping ? `${name}, ending` : name;
    },
    map: latest.get,
    mapWhere: latest.where,
    tablet(tablet) {
      const route = latest.get().tablets[tablet];
      const found = route?.owner === node.name ? tablets.get(tablet) : null;
      return found?.epoch === route?.epoch ? found : null;
    },
    awaitAppend: waits.begin,
    control: link.control,
    log,
    messageBytesMax: settings.messageBytesMax,
    nowMs: Date.now,
  };

  function noteDamage({ shard, from, to, reason }: Damage): void {
    const key = `${shard}/${from}`;
    if (damages.has(key) || damages.size >= DAMAGES_KNOWN_MAX) return;
    damages.add(key);
    figures.damaged++;
    log.error(
      { event: "damaged", shard, from, to },
      `A stored batch of shard ${shard} is damaged: ${reason}`,
    );
  }

  function obey(order: Order): void {
    switch (order.kind) {
      case "map":
        latest.set(order.map);
        break;
      case "open":
        tablets.open(order.tablet, order.epoch, join(dataDir, order.file));
        break;
      case "close":
        tablets.close(order.tablet, order.epoch);
        break;
      case "makeShard":
      case "dropShard":
        void answer(order, (owned) =>
          order.kind === "makeShard" ? owned.createShard(order.shard) : owned.deleteShard(order.shard),
        ).then(() => waits.wake(order.shard));
        break;
      case "copyTablet":
        void answer(order, (owned) => {
          // What an owner before us may have left of its copy.
          rmSync(order.to, { force: true });
          return owned.copyTo(order.to);
        });
        break;
      case "compactTablet":
        void answer(order, (owned) => owned.compact());
        break;
      case "ping":
        link.send({ kind: "pong" });
        break;
      case "stop":
        void stop();
        break;
    }
  }

  async function answer(
    { id, tablet }: { readonly id: number; readonly tablet: number },
    work: (owned: Tablet) => Promise<unknown>,
  ): Promise<void> {
    try {
      const owned = tablets.get(tablet);
      if (owned === null) throw new Error(`tablet ${tablet} is not open here`);
      const result = (await work(owned)) ?? null;
      link.send({ kind: "answer", id, result });
    } catch (error) {
      link.send({ kind: "refusal", id, error: toErrorText(error) });
    }
  }

  function tellFigures(): void {
    figures.parked = server.parked();
    if (told++ % LAGS_EVERY === 0) void findLags().catch(notTold);
    link.send({ kind: "figures", figures });
  }

  async function findLags(): Promise<void> {
    const registered = await server.registeredLags();
    figures.lags = furthestBehind([...lagsOf(latest.get().topics, tablets), ...registered]);
  }

  function notTold(err: unknown): void {
    log.warn({ err }, "how far consumers are behind could not be found out");
  }

  async function stop(): Promise<void> {
    stopping = true;
    await upkeep.close();
    // What the front door sent before it knew lies in sockets still.
    await new Promise((resolve) => setTimeout(resolve, STOP_GRACE_MS));
    waits.close();
    // Requests that wait for an owner may still find one: maps keep coming.
    await server.close(STOP_DEADLINE_MS);
    tellFigures();
    process.disconnect?.();
  }

  const server = await serveNode(node);
  setInterval(tellFigures, FIGURES_EVERY_MS);
  link.send({ kind: "ready", host: server.host, port: server.port });
}

function logOver(link: Link): Log {
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) =>
    link.send({ kind: "log", level, fields, message });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
