// A thousand replicas: the page stays quick. They are static ones, whose addresses one server answers for.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { openBrowser, openPage, skip } from "./browser.ts";

/** A task of the page's main thread that takes longer is felt. The machine of a test is slower than a reader's. */
const taskMsMax = 200;

let door: RunningFrontDoor;
let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), "roundhouse-"));
// Every address of 127.0.0.0/8 is this machine: one listener, a thousand names for it.
const origin = createServer((_request, response) => response.end("ok"));

before(async () => {
  if (skip) return;
  origin.listen(0, "0.0.0.0");
  await once(origin, "listening");
  const { port } = origin.address() as AddressInfo;
  const upstreams = Array.from({ length: 1_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}:${port}`);
  const file = join(folder, "roundhouse.config.mjs");
  writeFileSync(
    file,
    `export default ${JSON.stringify({ upstreams, replicasMax: 1_000, key: "path", slots: 65_536 })};\n`,
  );
  [door, browser] = await Promise.all([up(["--config", file]), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await door?.stop();
  origin.close();
  origin.closeAllConnections();
  rmSync(folder, { recursive: true });
});

test("a thousand replicas do not freeze the page", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#ring");
  await page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(Math.round(duration));
    }).observe({ type: "longtask", buffered: true });
  });
  // They join while the page looks on: every reading has other replicas, and the ring is drawn again and again.
  await page.getByRole("img", { name: "The ring: 1,000 seats" }).waitFor({ timeout: 60_000 });
  await page.locator("table.shares tbody tr").nth(10).hover();
  await page.getByLabel("Where does a key go?").fill("user/7");
  await page.locator(".answer").waitFor();
  await page.getByRole("link", { name: "What if" }).click();
  await page.getByLabel("Join").fill("1");
  await page.locator(".moved strong").waitFor();
  await page.getByRole("link", { name: "Fleet" }).click();
  await page.getByText("1–50 of 1,000").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("51–100 of 1,000").waitFor();
  await page.getByLabel("Find replicas").fill("S777");
  await page.getByRole("button", { name: "Details of S777" }).waitFor();
  const rows = await page.getByRole("row").count();
  assert.ok(rows < 120, `${rows} rows`);
  const tasks = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
  const longest = Math.max(0, ...tasks);
  console.log(`# longest task of the page: ${longest} ms`);
  assert.ok(longest <= taskMsMax, `${longest} ms`);
  await close();
});
