import type { MessageKey } from "../i18n/catalogue";

// The rules of the contracts, checked before anything is sent: the server's word is final, ours is quicker.

/** What can be wrong with a field: messages that need nothing filled in. */
export type FieldError = Extract<
  MessageKey,
  `field.${string}` | "error.validation" | "signup.taken" | "profile.password.wrong"
>;

type Rule = (value: string) => FieldError | undefined;

const userIdPattern = /^[a-z0-9](?:[a-z0-9._-]{1,30}[a-z0-9])$/;

/** Characters as a person and the server count them: code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}

function within(least: number, most: number, key: FieldError): Rule {
  return (value) => (lengthOf(value) < least || lengthOf(value) > most ? key : undefined);
}

export const rules = {
  userId: (value) => (userIdPattern.test(value) ? undefined : "field.userId"),
  userName: (value) => within(1, 40, "field.userName")(value.trim()),
  password: within(10, 128, "field.password"),
  title: (value) => within(1, 60, "field.title")(value.trim()),
  maxPersonnel: (value) => (/^\d{1,4}$/.test(value) && +value >= 1 && +value <= 1000 ? undefined : "field.max"),
  imageUrl: (value) => (value === "" || (value.startsWith("https://") && URL.canParse(value)) ? undefined : "field.image"),
  required: (value) => (value === "" ? "field.required" : undefined),
} satisfies Record<string, Rule>;

export const longestMessage = 4000;
