import assert from "node:assert/strict";
import { test } from "node:test";
import { base, by, createRoom, password, stage, turn } from "./browser.js";

const { visitor, member } = stage();

test("why a room cannot be joined stands on its card", async () => {
  const [mina, joon] = [await member("Mina"), await member("Joon")];
  const title = `Card ${Date.now()}`;
  await createRoom(mina, title);
  const problem = { status: 409, contentType: "application/problem+json", body: JSON.stringify({ status: 409, code: "room_full" }) };
  await joon.route(/\/members\/me$/, (route) => route.fulfill(problem));
  await joon.fill(by("room-search"), title);
  await joon.locator(by("rooms-found"), { hasText: "Rooms found: 1" }).waitFor();
  const card = joon.locator(by("room-card"), { hasText: title });
  await card.locator(by("room-enter")).click();
  await card.locator(by("notice-error"), { hasText: "All seats are taken." }).waitFor();
});

test("the lobby is up to date again when one comes back to it", async () => {
  const [mina, joon] = [await member("Mina"), await member("Joon")];
  await turn(joon, "hidden");
  const title = `Later ${Date.now()}`;
  await createRoom(mina, title);
  await turn(joon, "visible");
  await joon.locator(by("room-card"), { hasText: title }).waitFor();
});

test("another page begins at its top", async () => {
  const mina = await member("Mina", { viewport: { width: 390, height: 320 }, hasTouch: true });
  await createRoom(mina, `Top ${Date.now()}`); // The lobby is longer than this screen.
  await mina.click(by("back-to-lobby"));
  await mina.locator(by("room-card")).first().waitFor();
  await mina.click(by("nav-profile"));
  await mina.waitForSelector(by("profile-form"));
  await mina.evaluate(() => window.scrollTo(0, 200));
  await mina.click(by("nav-lobby"));
  await mina.locator(by("room-card")).first().waitFor();
  assert.equal(await mina.evaluate(() => scrollY), 0);
});

test("somebody logged in is led on, and only to pages of the platform", async () => {
  const mina = await member("Mina");
  await mina.goto(`${base}/signup`);
  await mina.waitForSelector(by("create-room"));
  await mina.goto(`${base}/login?next=/%09/evil.example`);
  await mina.waitForSelector(by("create-room"));
  assert.equal(mina.url(), `${base}/`);
});

test("a page that cannot be drawn says so", async () => {
  const mina = await member("Mina");
  await mina.route(/\/api\/chat\/rooms\?/, (route) => route.fulfill({ json: { items: [null] } }));
  await mina.goto(base);
  await mina.locator(by("error-state"), { hasText: "This page could not be shown" }).waitFor();
  await mina.unroute(/\/api\/chat\/rooms\?/);
  await mina.getByRole("button", { name: "Try again" }).click();
  await mina.waitForSelector(by("create-room"));
});

test("a dialog stays where one only marks text in it", async () => {
  const mina = await member("Mina");
  await mina.click(by("create-room"));
  await mina.fill(by("create-title"), "Marked");
  const field = await mina.locator(by("create-title")).boundingBox();
  await mina.mouse.move(field.x + 60, field.y + 10);
  await mina.mouse.down();
  await mina.mouse.move(10, field.y + 10, { steps: 4 });
  await mina.mouse.up();
  assert.equal(await mina.inputValue(by("create-title")), "Marked");
  await mina.mouse.click(10, 10);
  await mina.locator(by("create-dialog")).waitFor({ state: "detached" });
  assert.equal(await mina.evaluate(() => document.activeElement.dataset.testid), "create-room");
});

test("a dialog at work stays, however often Escape is pressed", async () => {
  const mina = await member("Mina");
  await mina.goto(`${base}/profile`);
  await mina.click(by("delete-account"));
  await mina.fill(by("delete-password"), password);
  await mina.route(/\/api\/auth\/me$/, () => undefined); // Never answered.
  await mina.click(by("delete-confirm"));
  for (let i = 0; i < 4; i++) {
    await mina.keyboard.press("Escape");
    await mina.waitForTimeout(100);
  }
  assert.ok(await mina.locator(`${by("delete-dialog")}[open]`).isVisible());
});

test("the browser's bars take the colour of the chosen theme", async () => {
  const page = await visitor({ colorScheme: "light" });
  await page.goto(`${base}/login`);
  const colour = () =>
    page.evaluate(() => [...document.querySelectorAll("meta[name=theme-color]")].find(({ media }) => matchMedia(media).matches).content);
  const light = await colour();
  await page.click(by("theme-switch"));
  await page.click(by("theme-switch"));
  await page.waitForSelector(`${by("theme-switch")}[data-theme-choice="dark"]`);
  const dark = await colour();
  assert.notEqual(dark, light);
  await page.reload();
  await page.waitForSelector(by("theme-switch"));
  assert.equal(await colour(), dark);
});
