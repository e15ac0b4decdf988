// What the tests share: a browser, people in it, and the platform they use.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";

export const base = process.env.MOIM_URL ?? "http://localhost:8080";
const shots = process.env.MOIM_SCREENSHOTS;

export const password = "correct horse battery";
export const by = (id) => `[data-testid="${id}"]`;

let count = 0;
/** A user id that no other test has. */
export const newId = (name) => `${name}-${Date.now().toString(36)}${count++}`;

/** Gives the tests of a file a browser and people in it, who are gone after each; what goes wrong on their pages fails it. */
export function stage() {
  let browser;
  let pages = [];
  before(async () => (browser = await launch()));
  after(() => browser?.close());
  beforeEach(() => (pages = []));
  afterEach(async () => {
    for (const page of pages) {
      assert.deepEqual(page.wrong, [], "errors on the page");
      await page.context().close();
    }
  });

  /** A page in a browser profile of its own. */
  async function visitor(options = {}) {
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1200, height: 800 }, ...options });
    const page = await context.newPage();
    pages.push(page);
    page.setDefaultTimeout(60_000); // Machines that test are busy.
    page.wrong = [];
    page.on("pageerror", (error) => page.wrong.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) page.wrong.push(message.text());
    });
    return page;
  }

  /** Somebody who has signed up and logged in. */
  async function member(name, options) {
    const page = await visitor(options);
    page.userId = newId(name.toLowerCase());
    await signUp(page, page.userId, name);
    await page.waitForSelector(`${by("signup-outcome")}[data-status="complete"]`);
    await logIn(page, page.userId);
    return page;
  }

  return { visitor, member };
}

function launch() {
  return chromium.launch({
    executablePath: process.env.MOIM_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
}

export async function signUp(page, userId, userName) {
  await page.goto(`${base}/signup`);
  await page.fill(by("signup-user-id"), userId);
  await page.fill(by("signup-user-name"), userName);
  await page.fill(by("signup-password"), password);
  await page.click(by("signup-submit"));
}

export async function logIn(page, userId) {
  await page.goto(`${base}/login`);
  await page.fill(by("login-user-id"), userId);
  await page.fill(by("login-password"), password);
  await page.click(by("login-submit"));
  await page.waitForSelector(by("create-room"));
}

/** Waits until each service's light shows its status: { auth: "success", … }. */
export const lights = (page, statuses) =>
  page.waitForFunction(
    (wanted) => wanted.every((selector) => document.querySelector(selector)),
    Object.entries(statuses).map(([service, status]) => `${by(`light-${service}`)}[data-status="${status}"]`),
  );
export const online = (page) => page.waitForSelector(`${by("connection")}[data-state="online"]`, { state: "attached" });

export async function createRoom(page, title, max = 8) {
  await page.click(by("create-room"));
  await page.fill(by("create-title"), title);
  await page.fill(by("create-max"), String(max));
  await page.click(by("create-submit"));
  await page.waitForSelector(by("composer-input"));
  return page.url();
}

export async function enter(page, title) {
  await page.goto(base);
  await page.fill(by("room-search"), title);
  await page.locator(by("room-card"), { hasText: title }).locator(by("room-enter")).click();
  await page.waitForSelector(by("composer-input"));
}

export async function say(page, text) {
  await page.fill(by("composer-input"), text);
  await page.press(by("composer-input"), "Enter");
}

/** Waits until a message is on the page as one that is stored. */
export const sees = (page, text) => page.locator(by("message"), { hasText: text }).first().waitFor();

/** The texts of all stored messages on the page, in order. */
export const texts = (page) => page.locator(`${by("message")} ${by("message-content")}`).allInnerTexts();

/** Puts the page behind another tab, or in front again, as far as it can tell. */
export const turn = (page, state) =>
  page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);

/** Has the platform do something to one of its processes: terminate, kill, await. */
export async function platform(action, name) {
  const response = await fetch(`${process.env.MOIM_CONTROL}/${action}/${name}`, { method: "POST" });
  if (!response.ok) throw new Error(`${action} ${name}: ${await response.text()}`);
}

export async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png` });
}
