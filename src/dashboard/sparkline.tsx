// A line without axes: how something went, and how high it was at most.
import { short } from "./figures.ts";

interface SparklineProps {
  /** The oldest first; null: there is none. */
  readonly values: readonly (number | null)[];
  readonly label: string;
}

const size = { width: 400, height: 48 } as const;

export function Sparkline({ values, label }: SparklineProps) {
  const most = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const step = size.width / Math.max(1, values.length - 1);
  let pen = "M";
  let path = "";
  values.forEach((value, index) => {
    if (value !== null)
      path += `${pen}${(index * step).toFixed(1)},${(size.height * (1 - value / most)).toFixed(1)}`;
    pen = value === null ? "M" : "L";
  });
  return (
    <div class="sparkline">
      <svg
        viewBox={`0 -2 ${size.width} ${size.height + 4}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        <path d={path} />
      </svg>
      <span class="soft">at most {short(most < 1e-6 ? 0 : most)}</span>
    </div>
  );
}
