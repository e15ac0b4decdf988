/** A hue from 0 to 359 that an id always has (FNV-1a, mixed once more). */
export function hueOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  // FNV's low bits alone are too alike for short ids.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = (hash ^ (hash >>> 13)) >>> 0;
  // Twenty-four hues, far enough apart to be told from one another.
  return (hash % 24) * 15;
}

/** Two letters of a Latin name, one syllable of a Korean one, or whatever the name begins with. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = firstOf(words[0] ?? "");
  if (first === "") return "?";
  const latin = /^\p{Script=Latin}/u;
  const second = firstOf(words.at(-1) ?? "");
  return words.length > 1 && latin.test(first) && latin.test(second) ? (first + second).toUpperCase() : first.toUpperCase();
}

// What a reader takes for one letter may be several code points (a family of emoji, say).
const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function firstOf(word: string): string {
  for (const { segment } of letters.segment(word)) return segment;
  return "";
}
