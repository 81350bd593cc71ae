// The page's entry: joins the readings to what shows them, and starts listening.
import { render } from "preact";
import { withFleetChange } from "./fleet-reading.ts";
import { applyChanges, connect } from "./live.ts";
import { Shell } from "./shell.tsx";

applyChanges("fleet", withFleetChange);
connect();
render(<Shell />, document.body);
