import { expect, test } from "vitest";
import { linkPieces } from "./links";

const cases: Record<string, { text: string; links: string[] }> = {
  "finds an address in a sentence": { text: "see https://a.example/b?c=1#d now", links: ["https://a.example/b?c=1#d"] },
  "leaves the end of the sentence out": { text: "(https://a.example/b).", links: ["https://a.example/b"] },
  "finds several": { text: "http://a.example https://b.example", links: ["http://a.example", "https://b.example"] },
  "makes no link of other schemes": { text: "javascript:alert(1) ftp://a.example data:text/html,x", links: [] },
  "makes no link of what is no address": { text: "https:// http://", links: [] },
};

test.each(Object.entries(cases))("%s", (_, { text, links }) => {
  const pieces = linkPieces(text);
  expect(pieces.flatMap(({ href }) => href ?? [])).toEqual(links);
  expect(pieces.map((piece) => piece.text).join("")).toBe(text);
});
