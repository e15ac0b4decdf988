// What the tests share: a browser, people in it, and the platform they use.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

export const base = process.env.MOIM_URL ?? "http://localhost:8080";
const shots = process.env.MOIM_SCREENSHOTS;

export const password = "correct horse battery";
export const by = (id) => `[data-testid="${id}"]`;

let count = 0;
/** A user id that no other test has. */
export const newId = (name) => `${name}-${Date.now().toString(36)}${count++}`;

export function launch() {
  return chromium.launch({
    executablePath: process.env.MOIM_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
}

/** A page in a browser profile of its own. What goes wrong in it fails the test: see check. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000); // Machines that test are busy.
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) page.wrong.push(message.text());
  });
  return page;
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

/** Signs up and logs in. */
export async function join(browser, name, options) {
  const page = await person(browser, options);
  page.userId = newId(name.toLowerCase());
  await signUp(page, page.userId, name);
  await light(page, "customer", "success");
  await logIn(page, page.userId);
  return page;
}

export const light = (page, service, status) => page.waitForSelector(`${by(`light-${service}`)}[data-status="${status}"]`);
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
