export type Piece = { text: string; href?: string };

const address = /https?:\/\/[^\s<>"'`]+/gi;
// Punctuation that ends a sentence rather than an address.
const trailing = /[.,;:!?)\]}…。，」』”’]+$/u;

/** Cuts a text at the web addresses in it, so that they can be shown as links. Only http and https count. */
export function linkPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(address)) {
    const url = found[0].replace(trailing, "");
    if (!URL.canParse(url)) continue;
    if (found.index > end) pieces.push({ text: text.slice(end, found.index) });
    pieces.push({ text: url, href: url });
    end = found.index + url.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}
