// The image that each revision of the fleet is made of.
import type { LaunchSpec } from "../../launcher.ts";
import { type Image, imageLabel } from "./container-spec.ts";
import { type Engine, within } from "./engine.ts";

export interface KnownImage extends Image {
  /** `name@sha256:…` for each registry that it came from, or went to: what other engines know it by. */
  readonly digests: readonly string[];
}

type Revised = Pick<LaunchSpec, "revision" | "program">;

/** What the configuration asks for. */
const firstRevision: Revised = { revision: 1, program: {} };

/** A revision's image is looked up once: what its name means later is for a later revision. Default: the first one's. */
export function createImageLookup(
  engine: Engine,
  configured: string,
): (spec?: Revised) => Promise<KnownImage> {
  const known = new Map<number, KnownImage>();
  return async ({ revision, program: { image = configured } } = firstRevision) => {
    const found = known.get(revision) ?? (await imageNamed(engine, image));
    known.set(revision, found);
    return found;
  };
}

async function imageNamed({ docker }: Engine, name: string): Promise<KnownImage> {
  const { Id, Config, RepoDigests } = await within(docker.getImage(name).inspect());
  return { id: Id, own: Config.Labels?.[imageLabel] !== undefined, digests: RepoDigests ?? [] };
}
