import { useEffect, useRef, useState, type FormEvent } from "react";
import { signUp } from "../api/calls";
import type { Saga } from "../api/types";
import { Button, ButtonLink } from "../components/button";
import { Entry } from "../components/entry";
import { Field, Notice, PasswordField } from "../components/field";
import { Lights, useServiceName } from "../components/lights";
import { useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { wantsLessMotion } from "../lib/media";
import { usePage } from "../lib/page";
import { Link, navigate } from "../lib/router";
import { rules } from "../lib/rules";
import { useSaga } from "../lib/saga";
import { uuid } from "../lib/uuid";
import s from "./forms.module.css";

// Long enough to see the last light turn green and read that all went well.
const lingerFor = 2_200;

export function SignUp() {
  const { t, explain } = useI18n();
  const form = useForm(
    { userId: "", userName: "", password: "" },
    { userId: rules.userId, userName: rules.userName, password: rules.password },
  );
  const { saga, busy, follow, reset } = useSaga();
  const [problem, setProblem] = useState<unknown>();
  // Who sends the same once more, as no answer came, is not told that the id is taken: it is their own.
  const sent = useRef({ what: "", key: "" });
  const lights = useRef<HTMLElement>(null);
  const heading = usePage(t("signup.title"));
  const done = saga?.status === "complete";
  const toLogin = `/login?${new URLSearchParams({ from: "signup", userId: form.values.userId })}`;

  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => navigate(toLogin, { replace: true }), lingerFor);
    return () => clearTimeout(timer);
  }, [done, toLogin]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (busy || done || !form.check(element)) return;
    setProblem(undefined);
    const { userId, userName, password } = form.values;
    const what = JSON.stringify(form.values);
    if (sent.current.what !== what) sent.current = { what, key: uuid() };
    try {
      // On a phone the lights are below the form.
      lights.current?.scrollIntoView({ block: "nearest", behavior: wantsLessMotion() ? "auto" : "smooth" });
      const last = await follow(() => signUp({ userId, userName: userName.trim(), password }, sent.current.key));
      if (last?.services["auth"] === "duplicate") form.put("userId", "signup.taken");
    } catch (error) {
      reset(error);
      if (!form.refuse(element, error, { password: "field.passwordIsUserId" })) setProblem(error);
    }
  }

  return (
    <Entry>
      <h1 className={s.title} {...heading}>
        {t("signup.title")}
      </h1>
      <p className={s.lead}>{t("signup.lead")}</p>
      <form className={s.form} onSubmit={(event) => void submit(event)} noValidate data-testid="signup-form">
        {problem !== undefined && <Notice kind="error">{saga ? t("signup.lost") : explain(problem)}</Notice>}
        <Field
          {...form.input("userId")}
          label={t("signup.userId")}
          hint={t("signup.userId.hint")}
          error={form.errors.userId && t(form.errors.userId)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={32}
          data-testid="signup-user-id"
        />
        <Field
          {...form.input("userName")}
          label={t("signup.userName")}
          hint={t("signup.userName.hint")}
          error={form.errors.userName && t(form.errors.userName)}
          autoComplete="nickname"
          data-testid="signup-user-name"
        />
        <PasswordField
          {...form.input("password")}
          label={t("signup.password")}
          hint={t("signup.password.hint")}
          error={form.errors.password && t(form.errors.password)}
          autoComplete="new-password"
          data-testid="signup-password"
        />
        <Button look="primary" type="submit" wide busy={busy || done} data-testid="signup-submit">
          {busy ? t("signup.busy") : t("signup.submit")}
        </Button>
      </form>
      <section className={s.saga} ref={lights} aria-label={t("signup.lights")}>
        <Lights saga={saga} label={t("signup.lights")} />
        <p className={s.outcome} role="status" data-testid="signup-outcome" data-status={saga?.status ?? "idle"}>
          <Outcome saga={saga} />
        </p>
        {saga?.status === "partial" && <ButtonLink to={toLogin}>{t("signup.toLogin")}</ButtonLink>}
      </section>
      <p className={s.switch}>
        {t("signup.have")} <Link to="/login">{t("signup.toLogin")}</Link>
      </p>
    </Entry>
  );
}

function Outcome({ saga }: { saga: Saga | undefined }) {
  const { t } = useI18n();
  const nameOf = useServiceName();
  if (!saga) return t("signup.idle");
  if (saga.status === "complete") return t("signup.complete", { name: saga.userName });
  if (saga.status === "partial") {
    const which = (status: string) => Object.keys(saga.services).filter((name) => saga.services[name] === status).map(nameOf).join(", ");
    // Only who has not answered in time catches up.
    if (which("duplicate")) return t("signup.partial.duplicate", { services: which("duplicate") });
    if (which("failed")) return t("signup.partial.failed", { services: which("failed") });
  }
  return t(`signup.${saga.status}`);
}
