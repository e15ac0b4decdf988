import { expect, test } from "vitest";
import { linkPieces } from "./links";

const cases: Record<string, { text: string; links: string[] }> = {
  "finds an address in a sentence": { text: "see https://a.example/b?c=1#d now", links: ["https://a.example/b?c=1#d"] },
  "leaves the end of the sentence out": { text: "(https://a.example/b).", links: ["https://a.example/b"] },
  "keeps a bracket that was opened in it": {
    text: "(https://en.example/wiki/Foo_(bar)), https://en.example/wiki/Foo_(bar)",
    links: ["https://en.example/wiki/Foo_(bar)", "https://en.example/wiki/Foo_(bar)"],
  },
  "leaves a Korean particle out": { text: "https://naver.com에서 보세요. https://a.example/b_(c)를!", links: ["https://naver.com", "https://a.example/b_(c)"] },
  "leaves a particle after a bracket out": { text: "(https://naver.com)에서", links: ["https://naver.com"] },
  "keeps Korean words of an address": { text: "https://ko.example/w/모임 https://한국.example/", links: ["https://ko.example/w/모임", "https://한국.example/"] },
  "finds several": { text: "http://a.example https://b.example", links: ["http://a.example", "https://b.example"] },
  "makes no link of other schemes": { text: "javascript:alert(1) ftp://a.example data:text/html,x", links: [] },
  "makes no link of what is no address": { text: "https:// http://", links: [] },
};

test.each(Object.entries(cases))("%s", (_, { text, links }) => {
  const pieces = linkPieces(text);
  expect(pieces.flatMap(({ href }) => href ?? [])).toEqual(links);
  expect(pieces.map((piece) => piece.text).join("")).toBe(text);
});
