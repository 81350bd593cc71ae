// The page's entry: joins the readings to what shows them, and starts listening.
import { render } from "preact";
import { withFleetChange } from "./fleet-reading.ts";
import { applyChanges, connect } from "./live.ts";
import { Shell } from "./shell.tsx";
import { withTrafficChange } from "./traffic-reading.ts";

applyChanges("fleet", withFleetChange);
applyChanges("traffic", withTrafficChange);
connect();
render(<Shell />, document.body);
