// A real browser before the dashboard of a running front door: Debian's Chromium, driven headless. Whatever the page does
// wrong by itself is noted (errors in its console, requests to elsewhere, violations of its policy) and fails the test
// when the page is closed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const executable = "/usr/bin/chromium";

/** False, or why tests in a browser are left out. In CI nothing is left out. */
export const skip =
  existsSync(executable) || process.env.CI === "true" ? false : "skipped: needs chromium (Debian's package)";

export async function openBrowser(): Promise<Browser> {
  // As root, as in containers, Chromium has no sandbox of its own.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: executable, args });
}

export interface OpenPage {
  readonly page: Page;
  /** Closes it, and fails when it did anything wrong. `allowed` names complaints that the test provoked. */
  close(allowed?: RegExp): Promise<void>;
}

/** Opens a view, such as `#fleet`, and waits until its readings are there. */
export async function openPage(
  browser: Browser,
  adminUrl: string,
  view: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${adminUrl}/`)) complaints.push(`asked elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.goto(`${adminUrl}/${view}`);
  await page.locator(".summary").waitFor();
  return {
    page,
    close: async (allowed) => {
      await context.close();
      assert.deepEqual(
        complaints.filter((complaint) => allowed?.test(complaint) !== true),
        [],
      );
    },
  };
}

/** Fails on whatever axe finds: WCAG 2.2 A and AA, and its best practices. */
export async function assertAccessible(page: Page): Promise<void> {
  // Evaluated by the debugger, to which the page's policy does not apply.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe };
    return (await checker.run()).violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`),
    }));
  });
  assert.deepEqual(violations, []);
}
