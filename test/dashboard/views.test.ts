// The views Ring, What if and Fleet before a fleet of real replicas: what they show is what the server does, and what they
// change is changed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { call, serverIn } from "../balancer/client.ts";
import { eventually, type RunningFrontDoor, up } from "../cli/roundhouse-process.ts";
import { assertAccessible, openBrowser, openPage, skip } from "./browser.ts";

let door: RunningFrontDoor;
let browser: Browser;

before(async () => {
  if (skip) return;
  [door, browser] = await Promise.all([up(["--key", "header:x"]), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await door?.stop();
});

interface Status {
  readonly replicas: { name: string; seat: number; state: string; weight: number; pid: number }[];
}

async function status(): Promise<Status> {
  return (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as Status;
}

async function names(): Promise<string[]> {
  return (await status()).replicas.filter(({ state }) => state === "healthy").map(({ name }) => name);
}

/** The different colours on the ring, without the paper. */
function coloursOn(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const image = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
    const words = new Uint32Array(image?.data.buffer ?? new ArrayBuffer(0));
    return new Set(words.filter((word) => word >>> 24 === 255)).size;
  });
}

test("the ring shows every replica, and where a key really goes", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#ring");
  await page.getByRole("img", { name: "The ring: 3 seats" }).waitFor();
  await eventually("the ring is painted", async () => (await coloursOn(page)) === 3);
  const rows = page.locator("table.shares tbody tr");
  assert.equal(await rows.count(), 3);
  for (const key of ["user/7", "another key", "<b>&amp;"]) {
    await page.getByLabel("Where does a key go?").fill(key);
    const answered = serverIn(await call(Number(new URL(door.url).port), "/home", { headers: { x: key } }));
    await page.locator(".answer", { hasText: key }).waitFor();
    assert.equal(await page.locator(".answer strong").textContent(), answered);
    const text = (await page.locator(".answer").textContent()) ?? "";
    assert.match(text, /→slot [\d,]+→S\d, then S\d, S\d$/);
  }
  await assertAccessible(page);
  await close();
});

test("bounded load is switched on and off", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#ring");
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByLabel(/Times its fair part/).fill("1.5");
  await page.keyboard.press("Enter");
  await page.getByText("No replica gets more than 1.5 times").waitFor();
  await page.getByRole("button", { name: "Change" }).click();
  await assertAccessible(page);
  await page.getByLabel("Bound each replica's load").uncheck();
  await page.keyboard.press("Enter");
  await page.getByText("Off: a key goes to its owner").waitFor();
  await close();
});

test("a change is previewed before it is made, then made step by step", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#what-if");
  await page.getByText("Nothing yet.").waitFor();
  await page.getByLabel("Join").fill("1");
  const moved = page.locator(".moved strong");
  await moved.waitFor();
  assert.ok(Math.abs(Number.parseFloat((await moved.textContent()) ?? "") - 25) < 1);
  assert.equal((await names()).length, 3, "nothing is changed by a preview");
  await page.getByLabel("S1 leaves").check();
  await page.getByLabel("Weight of S2").fill("2");
  await page.getByText("Drain and remove S1").waitFor();
  await page.getByRole("cell", { name: "new (seat 4)" }).first().waitFor();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("The change was made").waitFor();
  const after = await status();
  const healthy = after.replicas.filter(({ state }) => state === "healthy");
  assert.deepEqual(
    healthy.map(({ seat, weight }) => [seat, weight]),
    [
      [2, 2],
      [3, 1],
      [4, 1],
    ],
  );
  await close();
});

test("another placement is previewed, and the page says that it takes a restart", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#what-if");
  await page.getByLabel("Placement").selectOption("ketama");
  await page.getByText("Another placement takes a restart").waitFor();
  await page.getByText("--hash ketama").waitFor();
  assert.equal(await page.getByRole("button", { name: "Apply" }).count(), 0);
  await page.getByRole("button", { name: "Start over" }).click();
  await page.getByText("Nothing yet.").waitFor();
  // What the server refuses is said in its words.
  await page.getByLabel("Placement").selectOption("assignment");
  await page.getByLabel("Join").fill("64");
  await page.getByText(/Cannot place \d+ servers/).waitFor();
  await close(/status of 400/);
});

test("replicas are added, weighed, restarted and removed by keyboard alone", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#fleet");
  const press = async (name: string | RegExp) => {
    await page.getByRole("button", { name }).first().focus();
    await page.keyboard.press("Enter");
  };
  await press("Add replicas");
  await page.getByRole("dialog", { name: "Add replicas" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("K1");
  await page.keyboard.press("Enter");
  await page.getByText("One replica was added").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok((await names()).includes("K1"));
  await press("Details of K1");
  await page.getByRole("dialog").getByText("Last lines of output").waitFor();
  await assertAccessible(page);
  await press("Change weight");
  await page.getByRole("dialog", { name: "Weight of K1" }).waitFor();
  await page.keyboard.type("3");
  await page.keyboard.press("Enter");
  await page.getByText("K1 has the weight 3").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await status()).replicas.find(({ name }) => name === "K1")?.weight, 3);
  await press("Details of K1");
  await press("Restart");
  await page.getByRole("dialog", { name: "Restart K1?" }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Restart" }).focus();
  await page.keyboard.press("Enter");
  const successor = (await page.getByText("has taken over from K1").textContent())?.split(" ")[0] ?? "";
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press(`Details of ${successor}`);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press(`Details of ${successor}`);
  await press("Drain and remove");
  await page.getByRole("dialog", { name: `Remove ${successor}?` }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Drain and remove" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText(`${successor} is out of the ring`).waitFor();
  assert.ok(!(await names()).includes(successor));
  await close();
});

test("a replica that is killed is seen to go, with the reason, and to be replaced", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#fleet");
  const victim = (await status()).replicas.find(({ state }) => state === "healthy");
  assert.ok(victim);
  process.kill(victim.pid, "SIGKILL");
  const gone = page.getByRole("region", { name: "Replicas that are gone" });
  const row = gone.locator("tr", { hasText: victim.name });
  await row.getByText(/SIGKILL.*after/s).waitFor();
  const successor = /(\S+) after/.exec((await row.textContent()) ?? "")?.[1];
  const now = await status();
  const onSeat = now.replicas.find(({ seat, state }) => seat === victim.seat && state === "healthy");
  assert.ok(onSeat && successor?.endsWith(onSeat.name), `${successor} and ${onSeat?.name}`);
  await page
    .getByRole("button", { name: `Details of ${onSeat.name}` })
    .first()
    .click();
  await page.getByRole("dialog").getByText("Took over from").waitFor();
  await page.keyboard.press("Escape");
  await gone.getByRole("button", { name: `Details of ${victim.name}` }).click();
  await page.getByRole("dialog").getByText("SIGKILL").first().waitFor();
  await assertAccessible(page);
  await close();
});

test("a refusal of the server is shown in its own words, and nothing is lost", { skip }, async () => {
  const { page, close } = await openPage(browser, door.adminUrl, "#fleet");
  const [taken] = await names();
  await page.getByRole("button", { name: "Add replicas" }).click();
  await page.getByLabel("Names, if they shall have some").fill(taken ?? "");
  await page.keyboard.press("Enter");
  await page
    .getByRole("alert")
    .getByText(taken ?? "")
    .waitFor();
  assert.equal(await page.getByLabel("Names, if they shall have some").inputValue(), taken);
  await close(/status of 400/);
});

test("every view fits a phone, in the dark too", { skip }, async () => {
  const phone = { viewport: { width: 375, height: 740 }, isMobile: true, hasTouch: true } as const;
  const { page, close } = await openPage(browser, door.adminUrl, "#ring", { ...phone, colorScheme: "dark" });
  for (const view of ["Ring", "What if", "Fleet"]) {
    await page.getByRole("link", { name: view, exact: true }).click();
    await page.getByRole("table").first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${view} is ${wide} px too wide`);
    await assertAccessible(page);
  }
  await close();
});
