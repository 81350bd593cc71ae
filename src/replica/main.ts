// What the front door starts as a built-in replica: `roundhouse serve` without the command line, whose libraries would
// double the time until a replacement answers.
import { serve } from "./serve.ts";

try {
  await serve();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
