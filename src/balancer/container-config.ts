// What can be configured about replicas that are containers. What each option does: fleet/launchers/docker/container-spec.ts.
import { z } from "zod";
import { accepting, oneOf, wholeNumber, yesOrNo } from "./config-values.ts";

const size = () =>
  accepting(
    z.union([z.int().min(1), z.string().regex(/^\d+(\.\d+)?[kmg]b?$/i)]),
    'a number of bytes, or one with a unit such as "512m" or "2g"',
  );

export const containerSchema = z.strictObject({
  /** Begins the containers' names; default empty: they are the replicas' names. */
  prefix: accepting(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,40}$/),
    'letters, digits, "_", "." and "-", beginning with a letter or digit',
  ).optional(),
  /** Port on which the server in a container is told to listen; default 8080. */
  port: wholeNumber(1, 65_535).optional(),
  /** Processors' worth of time, such as 0.5. Default: no limit. */
  cpus: accepting(z.number().positive().max(1_024), "a number above 0, such as 0.5").optional(),
  /** Memory, swap included; `512m` is 512 MiB. Default: no limit. */
  memory: size().optional(),
  /** Processes and threads. Default 4096. */
  pidsMax: wholeNumber(1, 4_194_304).optional(),
  /** The image's files cannot be changed; default true for images made from our Dockerfile, else false. */
  readOnly: yesOrNo().optional(),
  /** Capabilities that are not taken away, such as `CHOWN`. Default: none. */
  capabilities: accepting(
    z.array(z.string().regex(/^[A-Za-z_]+$/)),
    'a list of Linux capabilities, such as ["CHOWN", "SETUID"]',
  ).optional(),
  /** Labels besides ours. */
  labels: accepting(
    z.record(z.string(), z.string()),
    'an object such as { "com.example.team": "web" }',
  ).optional(),
  /** What becomes of the containers when the front door stops as asked. Default `stop`. */
  onExit: oneOf("stop", "keep").optional(),
});
