// The desk: the node that owns nothing, in the control plane's process. It takes requests while no broker lives.
import type { Log } from "../../telemetry/log.ts";
import type { BrokerNode } from "../broker/node.ts";
import type { Control } from "../control-command.ts";
import type { LatestMap } from "../latest-map.ts";
import { createWaits } from "../waits.ts";

export function createDesk(
  latest: LatestMap,
  control: Control,
  log: Log,
  messageBytesMax: number,
): BrokerNode {
  return {
    name: "desk",
    map: latest.get,
    mapWhere: latest.where,
    tablet: () => null,
    awaitAppend: createWaits().begin,
    control,
    log,
    messageBytesMax,
    nowMs: Date.now,
  };
}
