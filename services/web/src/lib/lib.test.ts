import { describe, expect, test, vi } from "vitest";
import { backoff } from "./backoff";
import { deviceOf } from "./device";
import { hueOf, initialsOf } from "./identity";
import { match, safeNext } from "./router";
import { rules } from "./rules";
import { uuid } from "./uuid";

describe("backoff", () => {
  test("doubles up to a ceiling, with at least half of it waited", () => {
    expect([0, 1, 2, 6, 50].map((attempt) => backoff(attempt, () => 0))).toEqual([250, 500, 1000, 15_000, 15_000]);
    expect([0, 1, 2, 6, 50].map((attempt) => backoff(attempt, () => 1))).toEqual([500, 1000, 2000, 30_000, 30_000]);
  });
});

describe("match", () => {
  test("takes parameters out of a path, decoded", () => {
    expect(match("/rooms/:id", "/rooms/a%20b/")).toEqual({ id: "a b" });
  });
  test.each(["/rooms", "/rooms/", "/rooms/a/b", "/room/a", "/rooms/%E0%A4%A"])("does not match %s", (path) => {
    expect(match("/rooms/:id", path)).toBeNull();
  });
});

test.each([
  ["?next=/rooms/1", "/rooms/1"],
  ["?next=//evil.example", "/"],
  ["?next=/\\evil.example", "/"],
  ["?next=https://evil.example", "/"],
  ["?next=/%09/evil.example", "/"],
  ["?next=/.//evil.example", "/"],
  ["?next=/mine?a=1", "/mine?a=1"],
  ["", "/"],
])("after login %s leads to %s", (search, want) => {
  expect(safeNext(search)).toBe(want);
});

describe("rules", () => {
  test.each(["abc", "a.b_c-d", "0".repeat(32)])("%s is a user id", (id) => {
    expect(rules.userId(id)).toBeUndefined();
  });
  test.each(["ab", "Abc", "-ab", "ab-", "a b", "민아민", "a".repeat(33)])("%s is no user id", (id) => {
    expect(rules.userId(id)).toBe("field.userId");
  });
  test("lengths are counted in characters, not in UTF-16 units", () => {
    expect(rules.title("🥾".repeat(60))).toBeUndefined();
    expect(rules.title("🥾".repeat(61))).toBe("field.title");
  });
  test.each([
    ["1", true],
    ["1000", true],
    ["0", false],
    ["1001", false],
    ["1.5", false],
    ["", false],
  ])("%s seats: %s", (seats, good) => {
    expect(rules.maxPersonnel(seats) === undefined).toBe(good);
  });
  test("pictures come over https only", () => {
    expect(rules.imageUrl("https://a.example/x.png")).toBeUndefined();
    expect(rules.imageUrl("http://a.example/x.png")).toBe("field.image");
    expect(rules.imageUrl("javascript:alert(1)")).toBe("field.image");
  });
});

describe("identity", () => {
  test.each([
    ["Sora Kim", "SK"],
    ["mina", "M"],
    ["김 하늘", "김"],
    ["👩‍👩‍👧 가족", "👩‍👩‍👧"],
    ["  ", "?"],
  ])("%s has the initials %s", (name, want) => {
    expect(initialsOf(name)).toBe(want);
  });
  test("a hue is always the same, and ids spread over many", () => {
    const hues = new Set(Array.from({ length: 200 }, (_, i) => hueOf(`user${i}`)));
    expect(hueOf("mina")).toBe(hueOf("mina"));
    expect(hues.size).toBeGreaterThan(20);
  });
});

test("a uuid is one also where randomUUID is hidden", () => {
  vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) });
  expect(uuid()).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
});

test.each([
  ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0", "Edge · Windows"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari · iPhone"],
  ["curl/8.0", ""],
])("%s is told as %s", (userAgent, want) => {
  expect(deviceOf(userAgent)).toBe(want);
});
