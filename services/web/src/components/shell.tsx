import type { ReactNode } from "react";
import { useI18n } from "../i18n";
import { Link, usePath } from "../lib/router";
import { useSigned } from "../session/context";
import { Avatar } from "./avatar";
import { Brand } from "./brand";
import { ConnectionBadge } from "./connection-badge";
import { LobbyIcon, PersonIcon, TalkIcon } from "./icons";
import { LanguageSwitch, ThemeSwitch } from "./preferences";
import { useProfile } from "../session/profiles";
import s from "./shell.module.css";

/** What stands around every page behind the login. On a phone the room has the whole screen for itself. */
export function Shell({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const { user } = useSigned();
  const profile = useProfile(user.userId);
  const path = usePath();
  const inRoom = path.startsWith("/rooms/");
  return (
    <div className={s.shell} data-room={inRoom || undefined}>
      <a className={s.skip} href="#content">
        {t("app.skip")}
      </a>
      <header className={s.header}>
        <Link to="/" className={s.home}>
          <Brand />
        </Link>
        <nav className={s.nav} aria-label={t("nav.label")}>
          <NavLink to="/" current={path === "/"} icon={<LobbyIcon />} text={t("nav.lobby")} testId="nav-lobby" />
          <NavLink to="/mine" current={path === "/mine"} icon={<TalkIcon />} text={t("nav.mine")} testId="nav-mine" />
          <NavLink
            to="/profile"
            current={path === "/profile"}
            icon={<PersonIcon />}
            text={t("nav.profile")}
            testId="nav-profile"
          />
        </nav>
        <div className={s.tools}>
          <ConnectionBadge />
          <ThemeSwitch />
          <LanguageSwitch />
          <Link to="/profile" className={s.me} aria-label={t("nav.profile")} title={profile?.name ?? user.userName}>
            <Avatar id={user.userId} name={profile?.name || user.userName} imageUrl={profile?.imageUrl} />
          </Link>
        </div>
      </header>
      <main id="content" className={s.main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

interface NavLinkProps {
  to: string;
  current: boolean;
  icon: ReactNode;
  text: string;
  testId: string;
}

function NavLink({ to, current, icon, text, testId }: NavLinkProps) {
  return (
    <Link to={to} className={s.link} aria-current={current ? "page" : undefined} data-testid={testId}>
      {icon}
      {text}
    </Link>
  );
}
