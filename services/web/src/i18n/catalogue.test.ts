import { expect, test } from "vitest";
import { fill, type MessageKey } from "./catalogue";
import { en } from "./en";
import { formats } from "./formats";
import { ko } from "./ko";

const names = (message: string) => [...message.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("every message of both languages fills in the same values", () => {
  for (const key of Object.keys(ko) as MessageKey[]) {
    expect([key, names(en[key])]).toEqual([key, names(ko[key])]);
  }
});

test("fill replaces each name and leaves unknown ones alone", () => {
  expect(fill("{n} of {max}, {n}, {x}", { n: 0, max: "5" })).toBe("0 of 5, 0, {x}");
});

test("times ago are told in the largest unit that fits", () => {
  const { ago } = formats("en");
  const before = (seconds: number) => ago(new Date(Date.now() - seconds * 1000 - 500).toISOString());
  expect([before(5), before(90), before(7200), before(86_400)]).toEqual(["now", "1 minute ago", "2 hours ago", "yesterday"]);
});
