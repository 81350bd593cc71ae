// The changes of the fleet that ask first: adding, removing, weighing.
import { useState } from "preact/hooks";
import type { ReplicaReport } from "../balancer/admin-api.ts";
import type { RestartReport } from "../balancer/rollout-api.ts";
import { call } from "./calls.ts";
import { Dialog } from "./dialog.tsx";
import { percent } from "./figures.ts";
import { notify } from "./notices.tsx";

interface Closable {
  readonly onClose: () => void;
}

export function AddDialog({ onClose }: Closable) {
  const [count, setCount] = useState("1");
  const [names, setNames] = useState("");
  async function submit(): Promise<null> {
    const hostnames = names.split(/[\s,]+/).filter((name) => name !== "");
    await call("POST", "/api/v1/replicas", { n: Number(count), hostnames });
    notify("done", Number(count) === 1 ? "One replica was added" : `${count} replicas were added`);
    return null;
  }
  return (
    <Dialog title="Add replicas" action="Add" onClose={onClose} onSubmit={submit}>
      <p>They are in the ring as soon as they answer. Only the keys that they take over move.</p>
      <label>
        How many
        <input
          type="number"
          min="1"
          max="64"
          required
          value={count}
          onFocus={({ currentTarget }) => currentTarget.select()}
          onInput={({ currentTarget }) => setCount(currentTarget.value)}
        />
      </label>
      <label>
        Names, if they shall have some
        <input
          type="text"
          placeholder="S4, S5"
          value={names}
          onInput={({ currentTarget }) => setNames(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}

export function RemoveDialog({ replica, onClose }: Closable & { readonly replica: ReplicaReport }) {
  const { name, share, inFlight } = replica;
  async function submit(): Promise<null> {
    await call("DELETE", `/api/v1/replicas/${encodeURIComponent(name)}`);
    notify("done", `${name} is out of the ring; it finishes what it has and stops`);
    return null;
  }
  return (
    <Dialog title={`Remove ${name}?`} action="Drain and remove" danger onClose={onClose} onSubmit={submit}>
      <p>
        It leaves the ring at once
        {share === null
          ? ""
          : `: its ${percent(share)} of the keys move to the others, and no other key does`}
        .{inFlight > 0 && ` ${inFlight} requests are under way there and are finished first.`} Then it is
        stopped, and nothing takes its place.
      </p>
    </Dialog>
  );
}

export function RestartDialog({ replica, onClose }: Closable & { readonly replica: ReplicaReport }) {
  const { name } = replica;
  async function submit(): Promise<null> {
    const path = `/api/v1/replicas/${encodeURIComponent(name)}/restart`;
    const { replacedBy } = await call<RestartReport>("POST", path);
    notify("done", `${replacedBy} has taken over from ${name}`);
    return null;
  }
  return (
    <Dialog title={`Restart ${name}?`} action="Restart" onClose={onClose} onSubmit={submit}>
      <p>
        A successor is started first and takes the seat when it is healthy; then {name} finishes what it has
        and stops. No key moves, and no request fails.
      </p>
    </Dialog>
  );
}

export function WeightDialog({ replica, onClose }: Closable & { readonly replica: ReplicaReport }) {
  const { name, weight } = replica;
  const [chosen, setChosen] = useState(String(weight));
  async function submit(): Promise<null> {
    await call("PUT", `/api/v1/replicas/${encodeURIComponent(name)}`, { weight: Number(chosen) });
    notify("done", `${name} has the weight ${chosen}`);
    return null;
  }
  return (
    <Dialog title={`Weight of ${name}`} action="Set the weight" onClose={onClose} onSubmit={submit}>
      <p>Its share of the work relative to the others. A replacement on its seat keeps it.</p>
      <label>
        Weight
        <input
          type="number"
          min="0.01"
          max="1000"
          step="any"
          required
          value={chosen}
          onFocus={({ currentTarget }) => currentTarget.select()}
          onInput={({ currentTarget }) => setChosen(currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}
