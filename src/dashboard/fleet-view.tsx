// The fleet: each replica, how it is and what it does; who went lately and why; and what may be done about it.
import { useState } from "preact/hooks";
import type { ReplicaReport } from "../balancer/admin-api.ts";
import { DeparturesTable } from "./departures-table.tsx";
import { count } from "./figures.ts";
import { AddDialog, RemoveDialog, RestartDialog, WeightDialog } from "./fleet-dialogs.tsx";
import { FleetTable } from "./fleet-table.tsx";
import { useChangeRefusal } from "./may-change.ts";
import { ReplicaDrawer } from "./replica-drawer.tsx";
import type { ViewProps } from "./views.ts";

export type ReplicaAction = "details" | "weight" | "restart" | "remove";

/** What is open: about a replica by its name, since its report changes meanwhile. */
type Open = { readonly what: "add" } | { readonly what: ReplicaAction; readonly name: string } | null;

export function FleetView({ fleet }: ViewProps) {
  const [filter, setFilter] = useState("");
  const [open, setOpen] = useState<Open>(null);
  const refusal = useChangeRefusal();
  const all = [...fleet.replicas, ...fleet.spares];
  const show = (name: string) => setOpen({ what: "details", name });
  return (
    <>
      <section class="section" aria-labelledby="replicas">
        <div class="view-head">
          <h2 id="replicas">
            {count(fleet.replicas.length)} {fleet.replicas.length === 1 ? "replica" : "replicas"}
          </h2>
          <input
            type="search"
            placeholder="Find by name, state, address"
            aria-label="Find replicas"
            value={filter}
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          />
          <button
            type="button"
            class="primary"
            disabled={refusal !== null}
            title={refusal ?? undefined}
            onClick={() => setOpen({ what: "add" })}
          >
            Add replicas
          </button>
        </div>
        <FleetTable replicas={all.filter((replica) => matches(replica, filter))} onOpen={show} />
        {all.length === 0 && <p class="empty">There are no replicas.</p>}
        {refusal !== null && <p class="note">Nothing can be changed from here: {refusal}.</p>}
      </section>
      <DeparturesTable onOpen={show} />
      <OpenDialog open={open} replicas={all} onChange={setOpen} />
    </>
  );
}

function matches({ name, state, address }: ReplicaReport, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [name, state, address ?? ""].some((text) => text.toLowerCase().includes(wanted));
}

interface OpenDialogProps {
  readonly open: Open;
  readonly replicas: readonly ReplicaReport[];
  readonly onChange: (open: Open) => void;
}

function OpenDialog({ open, replicas, onChange }: OpenDialogProps) {
  const close = () => onChange(null);
  if (open === null) return null;
  if (open.what === "add") return <AddDialog onClose={close} />;
  const { what, name } = open;
  const replica = replicas.find((each) => each.name === name);
  if (what === "details") {
    const show = (next: ReplicaAction, whose: string) => onChange({ what: next, name: whose });
    return <ReplicaDrawer key={name} name={name} replica={replica} onClose={close} onAct={show} />;
  }
  // It may have gone while it was asked about.
  if (replica === undefined) return null;
  const Asking = { weight: WeightDialog, restart: RestartDialog, remove: RemoveDialog }[what];
  return <Asking replica={replica} onClose={close} />;
}
