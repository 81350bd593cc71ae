// The broker that is alone: it owns every tablet of its data directory and makes the changes itself, all in one
// process. The same node to its HTTP service as one of many, whose control plane is another process.
import { join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { openCatalog } from "../catalog.ts";
import { backUp } from "../control/backup.ts";
import { releaseTablets, requireTablet } from "../control/tablet-care.ts";
import { createTopicChanges, type ShardKeeper } from "../control/topic-changes.ts";
import type { Control, ControlCommand, ControlResults } from "../control-command.ts";
import { type DataDir, openDataDir } from "../data-dir.ts";
import { createLatestMap } from "../latest-map.ts";
import { MESSAGE_BYTES_MAX } from "../message.ts";
import type { Durability, Tablet } from "../tablet.ts";
import { createTablets } from "../tablets.ts";
import { createWaits } from "../waits.ts";
import type { BrokerNode } from "./node.ts";

export interface LocalNodeOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** Default `broker0`. */
  readonly name?: string;
  /** For a new data directory; default 32. */
  readonly tablets?: number;
  /** Default `synced`. */
  readonly durability?: Durability;
  /** Default 1 MiB. */
  readonly messageBytesMax?: number;
  /** Default: Date.now. */
  readonly nowMs?: () => number;
}

export interface LocalNode extends BrokerNode {
  /** Where its listener is: from then on the map says so. */
  listensAt(host: string, port: number): void;
  /** Ends the waits, closes the tablets, frees the directory. */
  close(): Promise<void>;
}

/** Opens every tablet. Rejects with DATA_DIR_IN_USE or DATA_FORMAT. */
export async function openLocalNode(options: LocalNodeOptions): Promise<LocalNode> {
  const { name = "broker0", nowMs = Date.now, log } = options;
  const directory = openDataDir(options.dataDir, options.tablets ?? 32);
  try {
    return await openIn(directory);
  } catch (error) {
    directory.release();
    throw error;
  }

  async function openIn(directory: DataDir): Promise<LocalNode> {
    const { path, tabletCount, release } = directory;
    const catalog = await openCatalog(join(path, "catalog.lmdb"), tabletCount);
    const epochs = await catalog.raiseEpochs();
    const waits = createWaits();
    const events = { onAppended: waits.wake };
    const { durability = "synced" } = options;
    const tablets = createTablets({ directory, epochs, remember: catalog.setEpochs, durability, events });
    const open = await Promise.all(epochs.map((_, tablet) => tablets.get(tablet)));
    const latest = createLatestMap();
    let address = { host: "127.0.0.1", port: 0 };
    const changes = createTopicChanges(catalog, tabletCount, keeperOf(open), nowMs);
    await changes.bury();

    function publish(): void {
      const version = latest.get().version + 1;
      const routes = epochs.map((epoch) => ({ owner: name, epoch }));
      const brokers = [{ name, ...address, phase: "live" as const }];
      latest.set({ version, brokers, tablets: routes, topics: catalog.topics() });
    }

    async function change(command: ControlCommand): Promise<ControlResults[keyof ControlResults]> {
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
          return backUp(command.backup, {
            directory,
            catalog,
            copyTablet: async (tablet, to) => open[tablet]?.copyTo(to),
          });
        case "compact":
          requireTablet(command.tablet, tabletCount);
          return (open[command.tablet] as Tablet).compact();
        case "release":
          // Each tablet was opened, or this process would have ended: there is nothing to release.
          return releaseTablets(command.tablet, { ...nothingSetAside, tabletCount });
        case "addBroker":
        case "removeBroker":
          throw alone();
      }
    }

    publish();
    return {
      name,
      map: latest.get,
      mapWhere: latest.where,
      tablet: (tablet) => open[tablet] ?? null,
      awaitAppend: waits.begin,
      control: (async (command) => {
        const result = await change(command);
        publish();
        return result;
      }) as Control,
      log,
      messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
      nowMs,
      listensAt(host, port) {
        address = { host, port };
        publish();
      },
      async close() {
        latest.close();
        waits.close();
        await tablets.close();
        await catalog.close();
        release();
      },
    };
  }
}

const nothingSetAside = {
  isQuarantined: () => false,
  reasonOf: () => null,
  tryAgain: async () => null,
};

function keeperOf(open: readonly Tablet[]): ShardKeeper {
  return {
    makeShard: async (tablet, shard) => open[tablet]?.createShard(shard),
    dropShard: async (tablet, shard) => open[tablet]?.deleteShard(shard),
  };
}

function alone(): RoundhouseError {
  const text = "Cannot add or remove brokers: this queue is served by a single process";
  return new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
}
