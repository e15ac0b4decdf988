import { languages, useI18n, type Language } from "../i18n";
import { useStore } from "../lib/store";
import { setTheme, theme, type Theme } from "../lib/theme";
import { IconButton } from "./button";
import { MoonIcon, SunIcon, SystemIcon } from "./icons";
import s from "./preferences.module.css";

/** Each language under its own name, for those who can't read the one that is shown. */
export function LanguageSwitch() {
  const { language, setLanguage, t } = useI18n();
  return (
    <div className={s.segments} role="group" aria-label={t("language.label")} data-testid="language-switch">
      {(Object.keys(languages) as Language[]).map((code) => (
        <button
          key={code}
          type="button"
          lang={code}
          aria-pressed={code === language}
          aria-label={languages[code]}
          data-testid={`language-${code}`}
          onClick={() => setLanguage(code)}
        >
          {code === "ko" ? "한" : "EN"}
        </button>
      ))}
    </div>
  );
}

const themes: Record<Theme, { icon: typeof SunIcon; next: Theme }> = {
  system: { icon: SystemIcon, next: "light" },
  light: { icon: SunIcon, next: "dark" },
  dark: { icon: MoonIcon, next: "system" },
};

/** Goes round system, light and dark. */
export function ThemeSwitch() {
  const { t } = useI18n();
  const current = useStore(theme);
  const { icon: Icon, next } = themes[current];
  return (
    <IconButton
      label={`${t("theme.label")}: ${t(`theme.${current}`)}`}
      data-testid="theme-switch"
      data-theme-choice={current}
      onClick={() => setTheme(next)}
    >
      <Icon />
    </IconButton>
  );
}

export function ThemeChoice() {
  const { t } = useI18n();
  const current = useStore(theme);
  return (
    <div className={s.segments} role="group" aria-label={t("theme.label")}>
      {(Object.keys(themes) as Theme[]).map((choice) => (
        <button key={choice} type="button" aria-pressed={choice === current} onClick={() => setTheme(choice)}>
          {t(`theme.${choice}`)}
        </button>
      ))}
    </div>
  );
}
