// Logging in with the token that the front door was started with.
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { connect } from "./live.ts";
import { logIn } from "./session.ts";

export function LogInDialog({ onClose }: { onClose: () => void }) {
  const [token, setToken] = useState("");
  async function submit(): Promise<string | null> {
    const refused = await logIn(token.trim());
    if (refused === null) connect();
    return refused;
  }
  return (
    <Dialog title="Log in" action="Log in" onClose={onClose} onSubmit={submit}>
      <p>
        The token is the one given with <code>--token</code>. It is kept for this tab only.
      </p>
      <label>
        Token
        <input
          type="password"
          autocomplete="current-password"
          required
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}
