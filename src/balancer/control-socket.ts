// The private place of the control API's Unix socket: a directory that only this user may enter, gone when we are.

import { rmSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoundhouseError } from "../errors.ts";

export interface ControlSocket {
  readonly path: string;
  remove(): Promise<void>;
}

const prefix = "roundhouse-control-";
const socketName = "control.sock";
/** A directory without a listener and younger than this may belong to a front door that is just starting. */
const youngMs = 60_000;
/** sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, its closing NUL included. */
const pathBytesMax = 103;

/** Makes the directory, after removing those that front doors killed with SIGKILL left behind. */
export async function makeControlSocket(parent: string = tmpdir()): Promise<ControlSocket> {
  await sweep(parent);
  const directory = await makeDirectory(parent);
  const removeNow = () => rmSync(directory, { recursive: true, force: true });
  process.once("exit", removeNow);
  return {
    path: join(directory, socketName),
    remove: async () => {
      process.removeListener("exit", removeNow);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function makeDirectory(parent: string): Promise<string> {
  const longest = join(parent, `${prefix}XXXXXX`, socketName);
  if (Buffer.byteLength(longest) > pathBytesMax) {
    throw new RoundhouseError(
      "BAD_CONFIG",
      `Cannot make the control socket in ${parent}: its path would be longer than the ${pathBytesMax} bytes a socket's may have; set TMPDIR to a shorter directory`,
    );
  }
  try {
    const directory = await mkdtemp(join(parent, prefix));
    await chmod(directory, 0o700);
    return directory;
  } catch (cause) {
    const message = `Cannot make the control socket in ${parent}: ${(cause as Error).message}; set TMPDIR to a directory that can be written`;
    throw new RoundhouseError("BAD_CONFIG", message, { cause });
  }
}

/** Removes this user's directories on whose socket nobody listens. A process id would not do: containers share /tmp. */
async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  const ours = names.filter((name) => name.startsWith(prefix)).map((name) => join(parent, name));
  await Promise.all(ours.map(removeIfStale));
}

async function removeIfStale(directory: string): Promise<void> {
  try {
    const { uid, mtimeMs } = await stat(directory);
    if (uid !== process.getuid?.() || Date.now() - mtimeMs < youngMs) return;
    if (await somebodyListens(join(directory, socketName))) return;
    await rm(directory, { recursive: true, force: true });
  } catch {
    // Another front door was faster, or it is not ours to remove.
  }
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
