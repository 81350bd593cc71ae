// A copy of one LMDB file with the pages in use alone, synced: mdb_env_copy2 with MDB_CP_COMPACT.
import { closeSync, fsyncSync, openSync } from "node:fs";
import { type Database, open } from "lmdb";
import { RoundhouseError } from "../../errors.ts";
import { tabletFileFault } from "./lmdb-file.ts";

/** Nobody else may have the file open, as an environment is opened once. The target must not exist. */
export async function copyLmdbFile(file: string, to: string): Promise<void> {
  const fault = tabletFileFault(file);
  if (fault !== null) throw new RoundhouseError("DATA_FORMAT", `Cannot copy ${file}: ${fault}`);
  const table = open({ path: file, noSubdir: true, maxDbs: 1, readOnly: true });
  try {
    await copyTable(table, to);
  } finally {
    await table.close();
  }
}

/** Copies what is committed now, while reads and writes go on; the environment must stay open until it is done. */
export async function copyTable(table: Pick<Database, "backup">, to: string): Promise<void> {
  await table.backup(to, true);
  const copied = openSync(to, "r");
  try {
    fsyncSync(copied);
  } finally {
    closeSync(copied);
  }
}
