// How much of the past is shown.

export interface Span {
  readonly label: string;
  readonly ms: number;
}

export const spans: readonly [Span, ...Span[]] = [
  { label: "15 min", ms: 900_000 },
  { label: "5 min", ms: 300_000 },
  { label: "1 min", ms: 60_000 },
];

export function Spans({ chosen, onChoose }: { readonly chosen: Span; onChoose(span: Span): void }) {
  return (
    <fieldset class="choices">
      <legend class="hidden">How much is shown</legend>
      {spans.map((span) => (
        <label key={span.ms}>
          <input type="radio" name="span" checked={span === chosen} onChange={() => onChoose(span)} />
          <span>{span.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
