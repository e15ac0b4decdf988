import { useState } from "react";
import { auth } from "../api/calls";
import { codeOf } from "../api/problem";
import { Button } from "../components/button";
import { Notice } from "../components/field";
import { LanguageSwitch, ThemeChoice } from "../components/preferences";
import { useI18n } from "../i18n";
import { usePage } from "../lib/page";
import { navigate } from "../lib/router";
import { AccountDeletion } from "../profile/account-deletion";
import { PasswordChange } from "../profile/password-change";
import { ProfileForm } from "../profile/profile-form";
import { Section } from "../profile/section";
import { Sessions } from "../profile/sessions";
import { forgetUser } from "../room/kept";
import { useSession, useSigned } from "../session/context";
import s from "./profile.module.css";

export function ProfilePage() {
  const { t } = useI18n();
  const heading = usePage(t("profile.title"));
  return (
    <div className={s.page}>
      <header>
        <h1 className={s.title} {...heading}>
          {t("profile.title")}
        </h1>
        <p className={s.lead}>{t("profile.lead")}</p>
      </header>
      <ProfileForm />
      <Section title={t("profile.appearance")} text={t("profile.appearance.text")}>
        <div className={s.choices}>
          <ThemeChoice />
          <LanguageSwitch />
        </div>
      </Section>
      <PasswordChange />
      <Sessions />
      <LogOut />
      <AccountDeletion />
    </div>
  );
}

function LogOut() {
  const { t, explain } = useI18n();
  const session = useSession();
  const { api, user, connection } = useSigned();
  const [problem, setProblem] = useState<unknown>();

  async function logOut(everywhere: boolean) {
    setProblem(undefined);
    try {
      await (everywhere ? auth.endAllSessions(api) : auth.endSession(api, "current"));
    } catch (error) {
      // "unavailable" says that the session has ended, and that not every part of the platform knows yet.
      if (codeOf(error) !== "unavailable") return setProblem(error);
    }
    connection.stop();
    forgetUser(user.userId);
    session.end();
    navigate("/login", { replace: true });
  }

  return (
    <Section title={t("profile.logout")}>
      {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
      <div className={s.choices}>
        <Button onClick={() => void logOut(false)} data-testid="log-out">
          {t("profile.logout")}
        </Button>
        <Button onClick={() => void logOut(true)} data-testid="log-out-everywhere">
          {t("profile.logoutAll")}
        </Button>
      </div>
    </Section>
  );
}
