import type { ReactNode } from "react";
import { useI18n } from "../i18n";
import { Brand, Gathering } from "./brand";
import { LanguageSwitch, ThemeSwitch } from "./preferences";
import s from "./entry.module.css";

/** The frame of the pages before the login: what this place is on one side, what to do on the other. */
export function Entry({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  return (
    <div className={s.entry}>
      <aside className={s.side}>
        <div className={s.picture}>
          <Gathering />
        </div>
        <div className={s.words}>
          <p className={s.tagline}>{t("app.tagline")}</p>
          <p className={s.about}>{t("app.about")}</p>
        </div>
      </aside>
      <div className={s.content}>
        <header className={s.header}>
          <Brand />
          <div className={s.tools}>
            <ThemeSwitch />
            <LanguageSwitch />
          </div>
        </header>
        <main className={s.main}>{children}</main>
      </div>
    </div>
  );
}
