// The traffic view in a real browser: rates by replica, percentiles, a replica that is killed, and the past that is there
// again after a reload.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { StatusReport } from "../../src/balancer/admin-api.ts";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { assertAccessible, openBrowser, openPage, skip } from "./browser.ts";

let door: RunningFrontDoor;
let browser: Browser;
let loading = true;
let load: Promise<void>;

before(async () => {
  if (skip) return;
  [door, browser] = await Promise.all([up(["--replicas", "3"]), openBrowser()]);
  load = keepAsking();
});
after(async () => {
  loading = false;
  await load;
  await browser?.close();
  await door?.stop();
});

async function keepAsking(): Promise<void> {
  while (loading) {
    const answer = await fetch(`${door.url}/home`);
    await answer.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const legendOf = (page: Page, title: string) =>
  page.locator("figure", { has: page.getByRole("heading", { name: title, exact: true }) }).locator("li");

/** Whether more than a thousand pixels of the chart are not empty. */
function isPainted(): boolean {
  const canvas = document.querySelector<HTMLCanvasElement>(".chart canvas");
  const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  let count = 0;
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 0) count++;
  return count > 1_000;
}

test("each replica's part, percentiles and statuses are drawn and told", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#traffic");
  const replicas = legendOf(page, "Requests by replica");
  await replicas.filter({ hasText: /^S3\s*[1-9]/ }).waitFor();
  assert.deepEqual(
    (await replicas.allTextContents()).map((text) => text.slice(0, 2)),
    ["S1", "S2", "S3"],
  );
  await legendOf(page, "Latency")
    .filter({ hasText: /p99\s*[\d.]+ m?s/ })
    .waitFor();
  await legendOf(page, "Answers by status")
    .filter({ hasText: /2xx\s*[1-9]/ })
    .waitFor();
  await page.locator(".headline div", { hasText: "Failed" }).getByText("0 %").waitFor();
  await page.waitForFunction(() => new Set([...document.querySelectorAll(".chart canvas")]).size === 5);
  await page.waitForFunction(isPainted);
  await assertAccessible(page);
  await close();
});

test("a replica that is killed is seen to go, and its successor to take its place", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#traffic");
  const replicas = legendOf(page, "Requests by replica");
  await replicas.filter({ hasText: /^S2/ }).waitFor();
  const swatch = (name: RegExp) =>
    replicas
      .filter({ hasText: name })
      .locator(".swatch")
      .evaluate((element) => getComputedStyle(element).backgroundColor);
  const colour = await swatch(/^S2/);
  const status = (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as StatusReport;
  process.kill(status.replicas.find(({ name }) => name === "S2")?.pid as number, "SIGKILL");
  await replicas.filter({ hasText: /^R\w+?\s*[1-9]/ }).waitFor();
  const names = (await replicas.allTextContents()).map((text) => text.slice(0, 1));
  assert.deepEqual(names, ["S", "R", "S"], "in the place of the one whose seat it has");
  assert.equal(await swatch(/^R/), colour);
  await page.reload();
  await replicas.filter({ hasText: /^R/ }).waitFor();
  assert.equal(await replicas.count(), 3);
  await close();
});

test("how much is shown is chosen by keyboard, and everything fits a phone in the dark", {
  skip,
}, async () => {
  const phone = { viewport: { width: 375, height: 740 }, isMobile: true, colorScheme: "dark" as const };
  const { page, close } = await openPage(browser, door.adminUrl, "#traffic", phone);
  await page.getByRole("radio", { name: "15 min" }).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.getByRole("radio", { name: "5 min", exact: true }).isChecked());
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "the page scrolls sideways");
  await assertAccessible(page);
  await close();
});
