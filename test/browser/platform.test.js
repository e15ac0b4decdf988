import assert from "node:assert/strict";
import { test } from "node:test";
import { base, by, createRoom, enter, lights, logIn, newId, online, platform, say, sees, shot, signUp, stage, texts } from "./browser.js";

const { visitor, member } = stage();

test("sign up shows each service's light and goes on to log in", async () => {
  const page = await visitor();
  const id = newId("mina");
  await signUp(page, id, "Mina");
  await lights(page, { auth: "success", chat: "success", customer: "success" });
  await shot(page, "signup");
  await page.waitForURL(`${base}/login*`);

  await signUp(page, id, "Somebody else");
  await lights(page, { auth: "duplicate", chat: "skipped", customer: "skipped" });
  await shot(page, "signup-duplicate");
  assert.match(page.url(), /\/signup/);
});

test("only the service that finds a duplicate turns red", async () => {
  const page = await visitor();
  const id = newId("taken");
  await platform("duplicate", id); // Customer has a record of somebody whom auth does not know.
  await signUp(page, id, "Taken");
  await lights(page, { auth: "success", chat: "success", customer: "duplicate" });
  await page.locator(by("signup-outcome"), { hasText: "already in use at: Customer" }).waitFor();
});

test("two people chat, leave the page and come back", async () => {
  const mina = await member("Mina");
  const joon = await member("Joon");
  const title = `Board games ${Date.now()}`;
  const url = await createRoom(mina, title);
  await shot(mina, "room-empty");
  await enter(joon, title);
  await mina.locator("nav a[aria-current=page]", { hasText: /2$/ }).waitFor(); // Also beside the conversation there are two.
  await say(mina, "Who brings the dice?");
  await sees(joon, "Who brings the dice?");
  await say(joon, "I do! 주사위는 내가");
  for (const page of [mina, joon]) await sees(page, "주사위는 내가");
  for (const page of [mina, joon]) {
    assert.deepEqual(await texts(page), ["Who brings the dice?", "I do! 주사위는 내가"]);
  }
  await joon.reload();
  await sees(joon, "Who brings the dice?");
  assert.deepEqual(await texts(joon), ["Who brings the dice?", "I do! 주사위는 내가"]);
  assert.equal(joon.url(), url);
  await say(mina, "<b>Bold?</b> & <script>alert(1)</script>");
  await sees(joon, "<b>Bold?</b> & <script>alert(1)</script>");
  await shot(mina, "room");
  await joon.goto(base);
  await shot(joon, "lobby");
});

test("a conversation goes on through restarts and without a connection", async () => {
  const mina = await member("Mina");
  const joon = await member("Joon");
  const title = `Restart ${Date.now()}`;
  await createRoom(mina, title);
  await enter(joon, title);
  const want = [];
  const speak = async (page, text) => {
    want.push(text);
    await say(page, text);
  };
  await speak(mina, "before");
  await sees(joon, "before");
  for (const name of ["realtime-0", "realtime-1", "message-0"]) {
    await platform("kill", name);
    await speak(mina, `while ${name} is down`);
    await platform("await", name);
    await sees(joon, `while ${name} is down`);
  }
  await mina.context().setOffline(true);
  // The open connection would look alive for a while.
  await mina.waitForSelector(`${by("connection")}[data-state="offline"]`, { state: "attached", timeout: 10_000 });
  await speak(mina, "typed offline");
  await mina.waitForSelector(by("outgoing"));
  await shot(mina, "room-offline");
  await mina.context().setOffline(false);
  await sees(joon, "typed offline");
  await sees(mina, "typed offline");
  await online(mina);
  for (const page of [mina, joon]) assert.deepEqual(await texts(page), want);
  assert.equal(await mina.locator(by("outgoing")).count(), 0);
});

test("a full room cannot be entered, and history loads as one scrolls up", async () => {
  const mina = await member("Mina");
  const joon = await member("Joon");
  const title = `Alone ${Date.now()}`;
  await createRoom(mina, title, 1);
  for (let i = 0; i < 70; i++) await say(mina, `line ${i}`);
  await sees(mina, "line 69");
  await mina.reload();
  await sees(mina, "line 69");
  await mina.locator(by("messages")).hover();
  const first = mina.locator(`${by("message")} ${by("message-content")}`, { hasText: /^line 0$/ });
  const loaded = mina.locator(by("message"));
  for (;;) {
    const before = await loaded.count();
    if (await first.count()) break;
    await mina.mouse.wheel(0, -20_000);
    await mina.waitForFunction(([rows, n]) => document.querySelectorAll(rows).length > n, [by("message"), before]);
  }
  assert.deepEqual(await texts(mina), Array.from({ length: 70 }, (_, i) => `line ${i}`));

  await joon.goto(base);
  await joon.fill(by("room-search"), title);
  const card = joon.locator(by("room-card"), { hasText: title });
  await card.waitFor();
  assert.match(await card.innerText(), /1\s*\/\s*1/);
});

test("the page speaks Korean and English, dark and light, on a phone too", async () => {
  const korean = await visitor({ locale: "ko-KR", viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true });
  await korean.goto(`${base}/signup`);
  await korean.waitForSelector(by("light-auth"));
  for (const [service, text] of Object.entries({ auth: "인증서버", chat: "채팅서버", customer: "고객서버" })) {
    assert.match(await korean.locator(by(`light-${service}`)).innerText(), new RegExp(text));
  }
  await shot(korean, "signup-ko-phone-dark");
  assert.equal(await korean.locator("html").getAttribute("lang"), "ko");
  await korean.click(by("language-en"));
  await korean.waitForFunction(() => document.documentElement.lang === "en");
  await korean.reload();
  await korean.waitForFunction(() => document.documentElement.lang === "en");
  const overflow = await korean.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
});

test("logging out ends the session, and a page that needs one asks for it", async () => {
  const mina = await member("Mina");
  await mina.goto(`${base}/profile`);
  await mina.waitForSelector(by("profile-form"));
  await mina.waitForSelector(by("session"));
  await shot(mina, "profile");
  await mina.click(by("log-out"));
  await mina.waitForURL(`${base}/login`);
  await mina.goto(`${base}/profile`);
  await mina.waitForURL(`${base}/login*`);
  await mina.waitForSelector(by("login-form"));
  await logIn(mina, mina.userId);
});

test("tabs of one session renew it beside each other", async () => {
  const mina = await member("Mina");
  const other = await mina.context().newPage();
  for (let i = 0; i < 3; i++) {
    await Promise.all([mina, other].map((page) => page.goto(base)));
    for (const page of [mina, other]) await page.waitForSelector(by("create-room"));
  }
});
