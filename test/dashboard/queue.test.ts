// The queue view in a real browser: a topic is made, messages are produced and read again, consumers' lag is shown, and
// the topic is deleted. And what a page may ask of the queue through the admin listener, and what not.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { QueueReport } from "../../src/balancer/queue-report.ts";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { assertAccessible, openBrowser, openPage, skip } from "./browser.ts";

let door: RunningFrontDoor;
let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), "roundhouse-"));
const queueOptions = ["--queue", "--brokers", "2", "--queue-port", "0", "--read-port", "0"];

before(async () => {
  if (skip) return;
  const options = ["--replicas", "1", "--token", "s3cret", ...queueOptions, "--queue-data", folder];
  [door, browser] = await Promise.all([up(options), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await door?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As a command line would, with the token. */
async function queue(method: string, path: string, body?: unknown): Promise<Response> {
  const answer = await fetch(`${door.adminUrl}/api/v1/queue/v1/topics${path}`, {
    method,
    headers: { authorization: "Bearer s3cret", "content-type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  assert.ok(answer.ok, await answer.clone().text());
  return answer;
}

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByLabel("Token").fill("s3cret");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Log out" }).waitFor();
}

const dialog = (page: Page) => page.getByRole("dialog");

/** Types into the first field of the dialog, which has the focus when the dialog is there. */
async function type(page: Page, field: string, text: string): Promise<void> {
  await dialog(page).getByLabel(field).and(page.locator(":focus")).waitFor();
  await page.keyboard.type(text);
}

test("a topic is made, gets a message, shows it, and is deleted: by keyboard alone", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#queue");
  assert.ok(
    await page.getByRole("button", { name: "New topic" }).isDisabled(),
    "read-only without the token",
  );
  await logIn(page);
  await page.getByRole("button", { name: "New topic" }).press("Enter");
  await type(page, "Name", "orders");
  await dialog(page).getByLabel("Shards").fill("2");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "orders" }).waitFor();
  await page.getByText("No messages yet.").waitFor();

  await page.getByRole("button", { name: "Produce a message" }).press("Enter");
  await type(page, "Key", "alice");
  await dialog(page).getByLabel("Value").fill('{"item":"umbrella","count":1}');
  await assertAccessible(page);
  await dialog(page).getByRole("button", { name: "Produce" }).press("Enter");
  await page.getByText(/Stored at offset 0 of P[12]/).waitFor();

  const row = page.locator("table.messages tr", { hasText: "alice" });
  await row.waitFor();
  await row.getByRole("button", { name: "Message 0" }).press("Enter");
  assert.match(await page.locator(".opened pre").last().innerText(), /^\{\n {2}"item": "umbrella",\n/);
  await assertAccessible(page);

  await page.getByRole("button", { name: "Delete", exact: true }).press("Enter");
  await type(page, "Type the topic's name", "order");
  await page.keyboard.press("Enter");
  await dialog(page).getByText("Type orders to delete it").waitFor();
  await type(page, "Type the topic's name", "s");
  await page.keyboard.press("Enter");
  await page.getByText("There are no topics yet.").waitFor();
  await close();
});

test("messages are found by offset and by time, bytes in hexadecimal, and lag by consumer", {
  skip,
}, async () => {
  await queue("POST", "", { name: "clicks", shards: ["only"] });
  const noon = Date.UTC(2025, 5, 1, 12);
  const messages = Array.from({ length: 60 }, (_, n) => ({
    value: `click ${n}`,
    timestamp_ms: noon + n * 1_000,
  }));
  await queue("POST", "/clicks/shards/only/records", messages);
  await queue("POST", "/clicks/shards/only/records", {
    key_base64: btoa("\x00\xff"),
    value_base64: btoa("\xff\xad"),
  });
  await queue("POST", "/clicks/consumers", { name: "billing", from: "beginning" });
  const { page, close } = await openPage(browser, door.adminUrl, "#queue", { timezoneId: "UTC" });
  await page.getByRole("button", { name: /^clicks/ }).click();
  const offsets = page.locator("table.messages td:first-child button");
  await page.getByRole("button", { name: "Message 60" }).click();
  assert.match(await page.locator(".opened").innerText(), /00000000 {2}ff ad/);
  assert.equal(await offsets.count(), 25);
  await page.locator("tr", { hasText: "billing" }).getByText("61", { exact: true }).waitFor();

  await page.getByRole("spinbutton", { name: "Offset" }).fill("10");
  await page.keyboard.press("Enter");
  await page.getByRole("cell", { name: "click 10", exact: true }).waitFor();
  assert.equal(await offsets.first().innerText(), "10");
  await page.getByRole("button", { name: "Later" }).click();
  await page.getByRole("cell", { name: "click 35", exact: true }).waitFor();
  await page.getByRole("button", { name: "Earlier" }).click();
  await page.getByRole("cell", { name: "click 10", exact: true }).waitFor();

  await page.getByLabel("Read from").selectOption("time");
  await page.getByLabel("Time", { exact: true }).fill("2025-06-01T12:00:42");
  await page.getByRole("button", { name: "Go" }).click();
  await page.getByRole("cell", { name: "click 42", exact: true }).waitFor();
  assert.equal(await offsets.first().innerText(), "42");

  await page.getByLabel("Read from").selectOption("offset");
  await page.getByRole("spinbutton", { name: "Offset" }).fill("99");
  await page.keyboard.press("Enter");
  await page.getByText('Cannot read shard "only" from offset 99').waitFor();
  await close(/400 \(Bad Request\)/);
});

test("brokers, owners and epochs are told; everything fits a phone in the dark", { skip }, async () => {
  await queue("POST", "", { name: "wide", shards: 4 });
  const phone = { viewport: { width: 375, height: 740 }, isMobile: true, colorScheme: "dark" as const };
  const { page, close } = await openPage(browser, door.adminUrl, "#queue", phone);
  await page.getByRole("button", { name: /^wide/ }).click();
  const shard = page.getByRole("region", { name: "Shards" }).locator("tbody tr");
  await shard.nth(3).waitFor();
  assert.match(await shard.first().innerText(), /^P1\s+broker[01]\s+[1-9]/);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "the page scrolls sideways");
  await assertAccessible(page);
  await close();
});

test("through the admin listener the queue obeys the same rules as everything that is changed there", {
  skip,
}, async () => {
  const at = `${door.adminUrl}/api/v1/queue`;
  const { brokers, tablets, unserved } = (await (await fetch(at)).json()) as QueueReport;
  assert.deepEqual(
    brokers.map(({ phase }) => phase),
    ["live", "live"],
  );
  assert.equal(brokers.reduce((sum, broker) => sum + broker.tablets, 0) + unserved, tablets);
  const origin = door.adminUrl;
  const refused: Record<string, string>[] = [
    { origin },
    { origin, authorization: "Bearer wrong" },
    { origin: "http://evil.example", authorization: "Bearer s3cret" },
  ];
  for (const headers of refused) {
    const answer = await fetch(`${at}/v1/topics`, { method: "POST", headers, body: '{"name":"x"}' });
    assert.equal(answer.status, 403, JSON.stringify(headers));
  }
  assert.equal((await fetch(`${at}/v1/topics`, { headers: { origin: "http://evil.example" } })).status, 403);
  for (const path of ["/v1/backups", "/v1/topicsx", "/v1/topics/../backups", "/internal/append"]) {
    assert.equal((await fetch(`${at}${path}`, { method: "POST", body: "{}" })).status, 404, path);
  }
  const big = await fetch(`${at}/v1/topics`, { method: "POST", body: "x".repeat(3 * 1024 * 1024) });
  assert.equal(big.status, 413);
});

test("without a queue the view says how to get one", { skip }, async () => {
  const plain = await up(["--replicas", "1"]);
  const { page, close } = await openPage(browser, plain.adminUrl, "#queue");
  await page.getByText("There is no queue here").waitFor();
  assert.equal((await fetch(`${plain.adminUrl}/api/v1/queue`)).status, 404);
  assert.equal((await fetch(`${plain.adminUrl}/api/v1/queue/v1/topics`)).status, 404);
  await close();
  await plain.stop();
});
