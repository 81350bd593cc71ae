// What an operator asks for tablets by number, over HTTP; control/tablet-care.ts has it done.
import type { BrokerNode } from "../../broker/node.ts";
import type { Answer } from "../service.ts";
import { jsonAnswer } from "./route.ts";

export async function compact(node: BrokerNode, tablet: number): Promise<Answer> {
  const { bytesBefore, bytesAfter } = await node.control({ kind: "compact", tablet });
  return jsonAnswer(200, { tablet, bytes_before: bytesBefore, bytes_after: bytesAfter });
}

export async function release(node: BrokerNode, tablet: number | null): Promise<Answer> {
  return jsonAnswer(200, { tablets: await node.control({ kind: "release", tablet }) });
}
