// What a replica's service is made of: the container that the docker launcher would make, in the words of a swarm. Pure.
// One service has one task, which is never restarted: who is replaced, and when, is decided in one place.
import type Docker from "dockerode";

export interface ServicePlace {
  /** Id of the overlay network. */
  readonly network: string;
  /** What every node knows the image by: `name@sha256:…`, or an id for nodes that have it. */
  readonly image: string;
  /** From SIGTERM to SIGKILL when the service is removed. */
  readonly drainMs: number;
}

/** @param request from {@link containerSpec}: its labels, with the fingerprint, become the service's */
export function serviceSpec(
  { name, Cmd, Env, Labels, HostConfig, NetworkingConfig }: Docker.ContainerCreateOptions,
  { network, image, drainMs }: ServicePlace,
): Docker.CreateServiceOptions {
  const { NanoCpus, Memory, PidsLimit, CapAdd, CapDrop, ReadonlyRootfs = false } = HostConfig ?? {};
  const [aliases] = Object.values(NetworkingConfig?.EndpointsConfig ?? {});
  const limits = { NanoCPUs: NanoCpus, MemoryBytes: Memory, Pids: PidsLimit ?? undefined };
  return {
    ...(name === undefined ? {} : { Name: name }),
    Labels: Labels ?? {},
    Mode: { Replicated: { Replicas: 1 } },
    // Nothing between us and the task's own address: neither a virtual one nor the routing mesh.
    EndpointSpec: { Mode: "dnsrr" },
    TaskTemplate: {
      RestartPolicy: { Condition: "none", MaxAttempts: 0 },
      // No placement preference: it spreads a service's own tasks, and ours has one. A swarm's default is what spreads
      // the fleet: the node that has the fewest tasks.
      Resources: { Limits: limits },
      Networks: [{ Target: network, Aliases: aliases?.Aliases ?? [] }],
      ContainerSpec: {
        Image: image,
        Env: Env ?? [],
        ...(Cmd === undefined ? {} : { Args: Cmd }),
        // Our heartbeats ask already.
        HealthCheck: { Test: ["NONE"] },
        StopGracePeriod: Math.ceil(drainMs / 1_000) * 1e9,
        CapabilityDrop: [CapDrop ?? []].flat(),
        CapabilityAdd: [CapAdd ?? []].flat(),
        // Known to engines from version 25 on; older ones ignore it.
        Privileges: { NoNewPrivileges: true } as Docker.Privileges,
        ReadOnly: ReadonlyRootfs,
        ...(ReadonlyRootfs ? { Mounts: [temporaryFolder] } : {}),
      },
    },
  };
}

const temporaryFolder: Docker.MountSettings = {
  Type: "tmpfs",
  Source: "",
  Target: "/tmp",
  TmpfsOptions: { SizeBytes: 64 * 2 ** 20, Mode: 0o1777 },
};
