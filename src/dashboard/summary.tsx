// One line on how it is: enough to know whether to look closer.
import type { StatusReport } from "../balancer/admin-api.ts";
import { count } from "./figures.ts";

export function Summary({ fleet }: { fleet: StatusReport }) {
  const { serving, desired } = fleet;
  return (
    <dl class="summary">
      <Item name="Serving" bad={serving < desired}>
        {count(serving)} of {count(desired)}
      </Item>
      <Item name="Placement">{fleet.placement === "none" ? fleet.policy : fleet.placement}</Item>
      {fleet.slots > 0 && <Item name="Slots">{count(fleet.slots)}</Item>}
      <Item name="Key">{fleet.key}</Item>
      <Item name="Replaced">{count(fleet.respawns)}</Item>
      <Item name="Ring changes">{count(fleet.ringChanges)}</Item>
    </dl>
  );
}

function Item({
  name,
  bad = false,
  children,
}: {
  name: string;
  bad?: boolean;
  children: preact.ComponentChildren;
}) {
  return (
    <div class={bad ? "bad" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
