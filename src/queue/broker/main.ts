// The program of a broker process. Started by the control plane (control/broker-process.ts), never by hand.
import { type BrokerSettings, settingsVariable } from "./messages.ts";
import { runBroker } from "./process.ts";

await runBroker(JSON.parse(process.env[settingsVariable] ?? "{}") as BrokerSettings);
