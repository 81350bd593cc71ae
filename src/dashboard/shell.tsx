// What surrounds every view: the name, the navigation, whether the readings are live, and who is logged in.
import { useEffect, useState } from "preact/hooks";
import type { StatusReport } from "../balancer/admin-api.ts";
import { useCell } from "./cell.ts";
import { type Connection, connect, connection, useReading } from "./live.ts";
import { LogInDialog } from "./log-in.tsx";
import { Notices } from "./notices.tsx";
import { isLoggedIn, logOut, session } from "./session.ts";
import { Summary } from "./summary.tsx";
import { ThemeButton } from "./theme.tsx";
import { type View, views } from "./views.ts";

export function Shell() {
  const view = useView();
  const fleet = useReading<StatusReport>("fleet");
  const [asking, setAsking] = useState(false);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the view
      </a>
      <header class="top">
        <a class="name" href="#ring">
          <img src="/icon.svg" alt="" width="24" height="24" />
          Roundhouse
        </a>
        <Navigation current={view} />
        <div class="side">
          <ConnectionState />
          <SessionButton onLogIn={() => setAsking(true)} />
          <ThemeButton />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{view.title}</h1>
        {fleet === null ? (
          <Waiting onLogIn={() => setAsking(true)} />
        ) : (
          <>
            <Summary fleet={fleet} />
            <view.View key={view.id} fleet={fleet} />
          </>
        )}
      </main>
      {asking && <LogInDialog onClose={() => setAsking(false)} />}
      <Notices />
    </>
  );
}

/** The view that the address names; the one before, or the first, when it names none. */
function useView(): View {
  const named = () => views.find(({ id }) => `#${id}` === location.hash);
  const [view, setView] = useState(() => named() ?? views[0]);
  useEffect(() => {
    const follow = () => setView((before) => named() ?? before);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    document.title = `${view.title} · Roundhouse`;
  }, [view]);
  return view;
}

function Navigation({ current }: { current: View }) {
  return (
    <nav aria-label="Views">
      {views.map(({ id, title }) => (
        <a key={id} href={`#${id}`} aria-current={id === current.id ? "page" : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}

const connectionWords: Readonly<Record<Connection, string>> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost",
  refused: "Not allowed",
};

function ConnectionState() {
  const state = useCell(connection);
  return (
    <span class={`connection ${state}`} role="status">
      {connectionWords[state]}
    </span>
  );
}

function SessionButton({ onLogIn }: { onLogIn: () => void }) {
  const report = useCell(session);
  if (report === null || !report.tokenSet) return null;
  if (!isLoggedIn() || report.changeRefusal !== null) {
    return (
      <button type="button" onClick={onLogIn}>
        Log in
      </button>
    );
  }
  return (
    <button type="button" onClick={() => void logOut().then(connect)}>
      Log out
    </button>
  );
}

/** Before the first reading. */
function Waiting({ onLogIn }: { onLogIn: () => void }) {
  const state = useCell(connection);
  const report = useCell(session);
  if (state === "connecting" || state === "live") return <p class="empty">Reading the fleet…</p>;
  if (state === "lost") return <p class="empty">The server does not answer. It is asked again by itself.</p>;
  return (
    <div class="empty">
      <p>This page may not read here: {report?.readRefusal}.</p>
      {report?.tokenSet && (
        <button type="button" class="primary" onClick={onLogIn}>
          Log in with the token
        </button>
      )}
    </div>
  );
}
