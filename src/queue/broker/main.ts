// The program of a broker process. Started by the control plane (control/broker-process.ts), never by hand.
import { letHeapGrow } from "../../heap-growth.ts";
import { type BrokerSettings, settingsVariable } from "./messages.ts";
import { runBroker } from "./process.ts";

letHeapGrow();
await runBroker(JSON.parse(process.env[settingsVariable] ?? "{}") as BrokerSettings);
