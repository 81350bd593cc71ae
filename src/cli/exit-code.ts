// What each exit code of the command line means.

export const exitCode = {
  ok: 0,
  /** The command was understood and could not be carried out. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was started. */
  usage: 2,
  /** No front door answers at the address. */
  unreachable: 3,
} as const;

export const exitCodeHelp = `
Exit codes: 0 done · 1 could not be carried out · 2 wrong command line or configuration · 3 no front door answers`;
