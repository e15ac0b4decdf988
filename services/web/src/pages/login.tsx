import { useState, type FormEvent } from "react";
import { Button } from "../components/button";
import { Entry } from "../components/entry";
import { Field, Notice, PasswordField } from "../components/field";
import { useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { usePage } from "../lib/page";
import { Link } from "../lib/router";
import { rules } from "../lib/rules";
import { useSession, useSessionState } from "../session/context";
import s from "./forms.module.css";

export function LogIn() {
  const { t, explain } = useI18n();
  const session = useSession();
  const state = useSessionState();
  const [query] = useState(() => new URLSearchParams(location.search));
  const arrived = query.get("from");
  const form = useForm(
    { userId: query.get("userId") ?? "", password: "" },
    { userId: rules.required, password: rules.required },
  );
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const heading = usePage(t("login.title"));

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (busy || !form.check(element)) return;
    setBusy(true);
    setProblem(undefined);
    try {
      // Where to go on to is decided by the app as soon as it sees the session.
      await session.logIn(form.values.userId.trim(), form.values.password);
    } catch (error) {
      setBusy(false);
      setProblem(error);
      (element.elements.namedItem("password") as HTMLInputElement).select();
    }
  }

  return (
    <Entry>
      <h1 className={s.title} {...heading}>
        {t("login.title")}
      </h1>
      <p className={s.lead}>{t("login.lead")}</p>
      <form className={s.form} onSubmit={(event) => void submit(event)} noValidate data-testid="login-form">
        {problem !== undefined ? (
          <Notice kind="error">{explain(problem)}</Notice>
        ) : state.status === "anonymous" && state.reason === "ended" ? (
          <Notice kind="info">{t("login.ended")}</Notice>
        ) : arrived === "signup" ? (
          <Notice kind="success">{t("login.welcome")}</Notice>
        ) : arrived === "deleted" ? (
          <Notice kind="info">{t("login.deleted")}</Notice>
        ) : null}
        <Field
          {...form.input("userId")}
          label={t("login.userId")}
          error={form.errors.userId && t(form.errors.userId)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          data-testid="login-user-id"
        />
        <PasswordField
          {...form.input("password")}
          label={t("login.password")}
          error={form.errors.password && t(form.errors.password)}
          autoComplete="current-password"
          data-testid="login-password"
        />
        <Button look="primary" type="submit" wide busy={busy} data-testid="login-submit">
          {busy ? t("login.busy") : t("login.submit")}
        </Button>
      </form>
      <p className={s.switch}>
        {t("login.new")} <Link to="/signup">{t("login.toSignup")}</Link>
      </p>
    </Entry>
  );
}
