// The broker that answers the course project's requests: what every one of them may need of it.
import type { BrokerNode } from "../../broker/node.ts";
import type { Owners } from "../owners.ts";
import type { PeerClient } from "../peer-client.ts";
import type { Shards } from "../shards.ts";

export interface CourseHost {
  readonly node: BrokerNode;
  readonly shards: Shards;
  readonly owners: Owners;
  readonly peers: PeerClient;
}
