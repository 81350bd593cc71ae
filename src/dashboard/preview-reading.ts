// The preview of a draft, asked for anew when the draft or the ring has changed, a moment after the last key.
import { useEffect, useState } from "preact/hooks";
import type { RingReport } from "../balancer/ring-picture.ts";
import type { PreviewReport } from "../balancer/ring-preview.ts";
import { call } from "./calls.ts";

export interface PreviewReading {
  /** Of the draft, or of the one before while it is worked out; null: none yet. */
  readonly preview: PreviewReport | null;
  /** Why the ring cannot be changed so; null: it can. */
  readonly refusal: string | null;
}

const none: PreviewReading = { preview: null, refusal: null };
const patienceMs = 150;

export function usePreview(body: object | null, ring: RingReport | null): PreviewReading {
  const [reading, setReading] = useState(none);
  const text = body === null ? null : JSON.stringify(body);
  useEffect(() => {
    if (text === null) {
      setReading(none);
      return;
    }
    const stopped = new AbortController();
    const timer = setTimeout(() => {
      call<PreviewReport>("POST", "/api/v1/ring/preview", JSON.parse(text), stopped.signal)
        .then((preview) => setReading({ preview, refusal: null }))
        .catch((error: Error) => {
          if (!stopped.signal.aborted) setReading({ preview: null, refusal: error.message });
        });
    }, patienceMs);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [text, ring]);
  return reading;
}
