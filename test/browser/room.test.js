import assert from "node:assert/strict";
import { test } from "node:test";
import { by, createRoom, enter, online, say, sees, shot, stage, texts, turn } from "./browser.js";

const { member } = stage();

test("one enters a room ready to write, and Enter sends only what is finished", async () => {
  const mina = await member("Mina");
  await createRoom(mina, `Write ${Date.now()}`);
  await mina.keyboard.type("hello"); // Not Korean: that is not typed key by key, and finds the field by itself.
  assert.equal(await mina.inputValue(by("composer-input")), "hello");
  await mina.keyboard.press("Enter");
  await sees(mina, "hello");

  await mina.fill(by("composer-input"), "안녕");
  await mina.dispatchEvent(by("composer-input"), "keydown", { key: "Enter", isComposing: true });
  assert.equal(await mina.inputValue(by("composer-input")), "안녕");
  await mina.press(by("composer-input"), "Enter");
  await sees(mina, "안녕");
  assert.deepEqual(await texts(mina), ["hello", "안녕"]);

  await mina.fill(by("composer-input"), "a".repeat(3_900));
  await mina.locator(by("composer-count"), { hasText: "100 characters left" }).waitFor();
  await mina.fill(by("composer-input"), "a".repeat(4_001));
  await mina.locator(`${by("composer-send")}:disabled`).waitFor();
});

test("older messages that cannot be loaded are asked for once, and leave the reader where they are when they come", async () => {
  const mina = await member("Mina");
  await createRoom(mina, `Long ${Date.now()}`);
  for (let i = 0; i < 80; i++) await say(mina, `line ${i}`);
  await sees(mina, "line 79");
  let asked = 0;
  const older = /\/messages\?before=/;
  await mina.route(older, (route) => (asked++, route.fulfill({ status: 503 })));
  await mina.reload();
  await sees(mina, "line 79");
  await mina.locator(by("messages")).hover();
  await mina.mouse.wheel(0, -20_000);
  const retry = mina.getByRole("button", { name: "Try again" });
  await retry.waitFor();
  await mina.waitForTimeout(1_000);
  assert.equal(asked, 1);

  await mina.unroute(older);
  const line = mina.locator(by("message"), { hasText: "line 35" });
  await mina.locator(by("conversation")).evaluate((box) => (box.scrollTop = 200));
  const top = async () => (await line.boundingBox()).y;
  const height = (await mina.locator(by("messages")).boundingBox()).height;
  const before = await top();
  await retry.evaluate((button) => button.click());
  await mina.waitForFunction(([list, old]) => document.querySelector(list).offsetHeight > old, [by("messages"), height]);
  assert.ok(Math.abs((await top()) - before) < 2, `moved from ${before} to ${await top()}`);
});

test("what was written without a connection outlives a reload, and the banner stays until it is back", async () => {
  const mina = await member("Mina");
  await createRoom(mina, `Away ${Date.now()}`);
  await online(mina);
  let away = true;
  await mina.routeWebSocket(/\/ws$/, (socket) => (away ? socket.close() : socket.connectToServer()));
  await mina.reload();
  await mina.waitForSelector(by("offline-banner"));
  await mina.evaluate((banner) => {
    window.gone = 0;
    new MutationObserver(() => document.querySelector(banner) ?? window.gone++).observe(document.body, { childList: true, subtree: true });
  }, by("offline-banner"));
  await say(mina, "kept");
  await mina.waitForSelector(`${by("outgoing")}[data-state="pending"]`);
  await mina.waitForTimeout(3_000); // Several attempts.
  assert.equal(await mina.evaluate(() => window.gone), 0);
  await mina.reload();
  await mina.waitForSelector(`${by("outgoing")}[data-state="pending"]`);
  await mina.locator(by("offline-banner")).getByRole("button", { name: "Connect now" }).click();
  away = false;
  await sees(mina, "kept");
  assert.deepEqual(await texts(mina), ["kept"]);
});

test("the tab counts what came while it was hidden, and a line stands above it", async () => {
  const [mina, joon] = [await member("Mina"), await member("Joon")];
  const title = `Hidden ${Date.now()}`;
  await createRoom(mina, title);
  await enter(joon, title);
  await say(joon, "seen");
  await sees(mina, "seen");
  await turn(mina, "hidden");
  await say(joon, "one");
  await say(joon, "two");
  await mina.waitForFunction(() => document.title.startsWith("(2) Hidden"));
  await turn(mina, "visible");
  await mina.waitForFunction(() => document.title.startsWith("Hidden"));
  assert.match(await mina.locator(`${by("new-line")} + ${by("message")}`).innerText(), /one/);
  await shot(mina, "room-new-messages");

  await mina.click(by("back-to-lobby"));
  await mina.waitForSelector(by("create-room"));
  await say(joon, "three");
  await sees(joon, "three");
  await mina.goBack();
  await sees(mina, "three");
  assert.match(await mina.locator(`${by("new-line")} + ${by("message")}`).innerText(), /three/);
});

test("the newest message stays in sight when a phone is turned", async () => {
  const mina = await member("Mina", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await createRoom(mina, `Turn ${Date.now()}`);
  for (let i = 0; i < 12; i++) await say(mina, `line ${i}, which is long enough to need another line where there is less width`);
  await sees(mina, "line 11");
  const last = mina.locator(by("message"), { hasText: "line 11" });
  for (const viewport of [{ width: 844, height: 390 }, { width: 390, height: 844 }, { width: 844, height: 390 }]) {
    await mina.setViewportSize(viewport);
    await mina.waitForTimeout(500);
    const [box, composer] = [await last.boundingBox(), await mina.locator(by("composer")).boundingBox()];
    assert.ok(box.y >= 0 && box.y + box.height <= composer.y, `the message is at ${box.y} of ${viewport.height}`);
  }
  await shot(mina, "room-landscape");
});

test("the members of a room on a phone open over the conversation and close as a dialog does", async () => {
  const mina = await member("Mina", { viewport: { width: 390, height: 844 }, hasTouch: true });
  await createRoom(mina, `Phone ${Date.now()}`);
  assert.equal(await mina.locator(by("members")).count(), 0);
  await mina.click(by("members-toggle"));
  await mina.locator(by("member")).waitFor();
  assert.ok(await mina.evaluate((panel) => document.querySelector(panel).contains(document.activeElement), by("members")));
  await shot(mina, "members-phone");
  await mina.keyboard.press("Escape");
  await mina.locator(by("members")).waitFor({ state: "detached" });
  assert.equal(await mina.evaluate(() => document.activeElement.dataset.testid), "members-toggle");
});

test("the list of one's rooms stays while one goes from room to room", async () => {
  const mina = await member("Mina");
  const [first, second] = [`First ${Date.now()}`, `Second ${Date.now()}`];
  await createRoom(mina, first);
  await mina.click(by("back-to-lobby"));
  await createRoom(mina, second);
  const link = (title) => mina.locator(`${by("sidebar")} a`, { hasText: title });
  await link(first).waitFor();
  let lists = 0;
  mina.on("request", (request) => request.url().includes("/rooms/mine") && lists++);
  await mina.locator(by("sidebar")).evaluate((list) => (list.dataset.same = "yes"));
  await link(first).click();
  await mina.locator(`${by("room")} h1`, { hasText: first }).waitFor();
  await mina.locator(`${by("sidebar")} a[aria-current]`, { hasText: first }).waitFor();
  assert.equal(await mina.locator(by("sidebar")).getAttribute("data-same"), "yes");
  await link(second).click();
  await mina.locator(`${by("room")} h1`, { hasText: second }).waitFor();
  assert.equal(lists, 0);

  const joon = await member("Joon");
  await joon.goto(mina.url());
  await joon.click(by("gate-join"));
  await joon.locator(`${by("sidebar")} a[aria-current]`, { hasText: second }).waitFor();
});

test("a room's address can be copied, and one that does not load leads back", async () => {
  const mina = await member("Mina", { permissions: ["clipboard-read", "clipboard-write"] });
  const url = await createRoom(mina, `Link ${Date.now()}`);
  await mina.click(by("copy-link"));
  await mina.locator(by("copy-link")).and(mina.getByLabel("Link copied")).waitFor();
  assert.equal(await mina.evaluate(() => navigator.clipboard.readText()), url);

  const problem = { status: 403, contentType: "application/problem+json", body: JSON.stringify({ status: 403, code: "not_a_member" }) };
  await mina.route(/\/messages\?/, (route) => route.fulfill(problem));
  await mina.reload();
  await mina.locator(by("error-state")).getByRole("link", { name: "Back to lobby" }).waitFor();
  await mina.unroute(/\/messages\?/);
  await mina.locator(by("error-state")).getByRole("button", { name: "Try again" }).click();
  await mina.waitForSelector(by("conversation"));
});
