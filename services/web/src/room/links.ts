export type Piece = { text: string; href?: string };

const address = /https?:\/\/[^\s<>"'`]+/gi;

/** Cuts a text at the web addresses in it, so that they can be shown as links. Only http and https count. */
export function linkPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(address)) {
    const url = withoutSentence(found[0]);
    if (!URL.canParse(url)) continue;
    if (found.index > end) pieces.push({ text: text.slice(end, found.index) });
    pieces.push({ text: url, href: url });
    end = found.index + url.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

const punctuation = /[.,;:!?…。，」』”’]+$/u;
// A Korean particle stands right behind what it belongs to; a Korean word in an address follows a slash or another sign.
const particle = /([A-Za-z0-9)])[\uAC00-\uD7A3]+$/u;
const brackets: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

/** Takes from the end of an address what belongs to the sentence around it. */
function withoutSentence(url: string): string {
  for (;;) {
    const shorter = url.replace(punctuation, "").replace(particle, "$1").replace(/[)\]}]$/, (close) =>
      count(url, close) > count(url, brackets[close]!) ? "" : close,
    );
    if (shorter === url) return url;
    url = shorter;
  }
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}
