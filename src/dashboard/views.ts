// The views of the page, in the order of the navigation. Each is a fragment of the address: `/#ring`.
import type { ComponentType } from "preact";
import type { StatusReport } from "../balancer/admin-api.ts";
import { FleetView } from "./fleet-view.tsx";
import { QueueView } from "./queue-view.tsx";
import { RingView } from "./ring-view.tsx";
import { TrafficView } from "./traffic-view.tsx";
import { WhatIfView } from "./what-if-view.tsx";

export interface ViewProps {
  readonly fleet: StatusReport;
}

export interface View {
  /** The fragment. */
  readonly id: string;
  readonly title: string;
  readonly View: ComponentType<ViewProps>;
}

export const views: readonly [View, ...View[]] = [
  { id: "ring", title: "Ring", View: RingView },
  { id: "what-if", title: "What if", View: WhatIfView },
  { id: "fleet", title: "Fleet", View: FleetView },
  { id: "traffic", title: "Traffic", View: TrafficView },
  { id: "queue", title: "Queue", View: QueueView },
];
