// The time, for what is shown as an age.
import { useEffect, useState } from "preact/hooks";

/** In ms since the Unix epoch; moves on every second while it is shown. */
export function useNowMs(): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
