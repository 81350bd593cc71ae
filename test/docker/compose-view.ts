// What the front door says of its replicas, and whether the engine says the same.
import { request } from "node:http";
import type { ComposeProject } from "./compose-project.ts";
import { bodyAt, until } from "./docker.ts";

/** Waits until /rep lists `count` replicas and the engine runs containers of exactly these names; gives them, sorted. */
export async function agreed(project: ComposeProject, count: number): Promise<string[]> {
  let seen = "nothing";
  return until(`/rep and docker ps to agree on ${count} replicas`, async () => {
    const [body, containers] = [await bodyAt(`${project.url}/rep`), await project.replicas()];
    const served = [...((JSON.parse(body ?? "{}").message?.replicas ?? []) as string[])].sort();
    const running = containers.map(({ name, running }) => (running ? name : `${name}, which has ended`));
    seen = `/rep: ${served}; docker ps: ${running}`;
    return served.length === count && `${served}` === `${running}` ? served : undefined;
  }).catch(async (error: Error) => {
    throw new Error(`${error.message}; ${seen}; ${await project.frontDoorSays()}`);
  });
}

export interface SeatedReplica {
  readonly name: string;
  readonly seat: number;
  readonly state: string;
}

/** By seat, as the admin listener tells. */
export async function seatsOf({ adminUrl, token }: ComposeProject): Promise<SeatedReplica[]> {
  const text = await new Promise<string>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = request(`${adminUrl}/api/v1/status`, { agent: false, headers }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        body += chunk;
      });
      answer.on("end", () => resolve(body));
    });
    asked.on("error", reject);
    asked.end();
  });
  const { replicas } = JSON.parse(text) as { replicas: SeatedReplica[] };
  return replicas.map(({ name, seat, state }) => ({ name, seat, state })).sort((a, b) => a.seat - b.seat);
}
