// The built-in replica as a program of its own, from the build.
import { serveReplica } from "../../dist/replica/server.js";

const { PORT, HOST, SERVER_ID } = process.env;
const server = await serveReplica({ host: HOST, port: Number(PORT), id: SERVER_ID });
process.once("SIGTERM", () => void server.close().then(() => process.exit(0)));
