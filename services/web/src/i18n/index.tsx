import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { codeOf } from "../api/problem";
import { read, write } from "../lib/storage";
import { fill, type Catalogue, type MessageKey, type Values } from "./catalogue";
import { en } from "./en";
import { formats, type Formats } from "./formats";
import { ko } from "./ko";

export const languages = { ko: "한국어", en: "English" } as const;
export type Language = keyof typeof languages;

const catalogues: Record<Language, Catalogue> = { ko, en };
const storageKey = "moim.language";

export interface I18n extends Formats {
  language: Language;
  setLanguage(language: Language): void;
  t<K extends MessageKey>(key: K, ...values: Values<K>): string;
  /** What to tell a person about something that a request threw, or about a code of the server. */
  explain(error: unknown): string;
}

const Context = createContext<I18n | null>(null);

export function I18nProvider({ children }: { children: ReactNode }) {
  const [language, choose] = useState(preferredLanguage);

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);

  const value = useMemo<I18n>(() => {
    const catalogue = catalogues[language];
    return {
      language,
      setLanguage(next) {
        write(storageKey, next);
        choose(next);
      },
      t: (key, ...values) => fill(catalogue[key], values[0]),
      explain(error) {
        const key = `error.${typeof error === "string" ? error : codeOf(error)}`;
        return key in catalogue ? catalogue[key as MessageKey] : catalogue["error.unknown"];
      },
      ...formats(language),
    };
  }, [language]);

  return <Context value={value}>{children}</Context>;
}

export function useI18n(): I18n {
  const value = useContext(Context);
  if (!value) throw new Error("useI18n outside of I18nProvider");
  return value;
}

/** The remembered choice, or the first of the browser's languages that we speak. */
function preferredLanguage(): Language {
  for (const candidate of [read(storageKey) ?? "", ...navigator.languages]) {
    const language = languageOf(candidate);
    if (language) return language;
  }
  return "en";
}

export function languageOf(tag: string): Language | undefined {
  const primary = tag.toLowerCase().split("-")[0];
  return primary === "ko" || primary === "en" ? primary : undefined;
}
