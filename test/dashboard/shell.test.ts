// The page around the views, in a real browser: reading, logging in, the keyboard, the theme, a phone, and a server that
// goes away.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { assertAccessible, openBrowser, openPage, skip } from "./browser.ts";

let door: RunningFrontDoor;
let browser: Browser;

before(async () => {
  if (skip) return;
  [door, browser] = await Promise.all([up(["--token", "s3cret"]), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await door?.stop();
});

test("the page is small, guarded by its policy, and revalidated", { skip }, async () => {
  const page = await fetch(`${door.adminUrl}/`);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|data:/);
  const html = await page.text();
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|\son\w+=|style=|https?:/);
  const script = await fetch(`${door.adminUrl}/page.js`);
  const bytes = gzipSync(await script.text(), { level: 9 }).length;
  assert.ok(bytes <= 150 * 1024, `${bytes} bytes of script, packed`);
  const etag = script.headers.get("etag") ?? "";
  const again = await fetch(`${door.adminUrl}/page.js`, { headers: { "if-none-match": etag } });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${door.adminUrl}/..%2fpackage.json`)).status, 404);
});

test("with a token the page is read-only until somebody logs in", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Log in" }).click();
  await assertAccessible(page);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
  await page.getByText("the token is not the one that was set with --token").waitFor();
  await page.getByLabel("Token").fill("s3cret");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Log out" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await close();
});

test("what a page asks for is refused by the server too, before it logs in and from elsewhere", {
  skip,
}, async () => {
  const add = (headers: Record<string, string>) =>
    fetch(`${door.adminUrl}/api/v1/replicas`, { method: "POST", headers, body: '{"n":1}' });
  const { host } = new URL(door.adminUrl);
  const own = `http://${host}`;
  const refused: Record<string, string>[] = [
    { origin: own },
    { origin: own, authorization: "Bearer wrong" },
    { origin: "http://evil.example", authorization: "Bearer s3cret" },
    { origin: own, "x-forwarded-for": "192.0.2.1" },
  ];
  for (const headers of refused) assert.equal((await add(headers)).status, 403, JSON.stringify(headers));
  const events = await fetch(`${door.adminUrl}/api/v1/events`, {
    headers: { origin: "http://evil.example" },
  });
  assert.equal(events.status, 403);
});

test("everything is reached by keyboard, in light and dark, on a phone", { skip }, async () => {
  for (const options of [
    { colorScheme: "dark" as const },
    { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true },
  ]) {
    const { page, close } = await openPage(browser, door.adminUrl, "", options);
    await assertAccessible(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, "the page scrolls sideways");
    await close();
  }
  const { page, close } = await openPage(browser, door.adminUrl, "");
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the view");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.getByRole("button", { name: /Theme: system/ }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await assertAccessible(page);
  await close();
});

test("a server that goes away is noticed, and found again", { skip }, async () => {
  const first = await up([]);
  const { page, close } = await openPage(browser, first.adminUrl, "");
  await page.getByText("Live", { exact: true }).waitFor();
  await first.stop();
  await page.getByText("Connection lost").waitFor();
  const { port } = new URL(first.adminUrl);
  const second = await up(["--admin-port", port]);
  await page.getByText("Live", { exact: true }).waitFor();
  await close(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY|ERR_CONNECTION_RESET/);
  await second.stop();
});
