import type { ko } from "./ko";

export type MessageKey = keyof typeof ko;

/** A language's messages: exactly the keys of the Korean ones. */
export type Catalogue = { readonly [K in MessageKey]: string };

// The names between braces in a message.
type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<K extends MessageKey> = Names<(typeof ko)[K]>;

/** What a message needs filled in: nothing for most, and the compiler knows which. */
export type Values<K extends MessageKey> = [NamesOf<K>] extends [never]
  ? []
  : [values: Record<NamesOf<K>, string | number>];

/** Fills the braces of a message. */
export function fill(message: string, values: Record<string, string | number> = {}): string {
  return message.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
