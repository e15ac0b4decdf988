import { useState, type FormEvent } from "react";
import { auth } from "../api/calls";
import { Button } from "../components/button";
import { Notice, PasswordField } from "../components/field";
import { useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { rules } from "../lib/rules";
import { useSigned } from "../session/context";
import { Section } from "./section";
import s from "./sections.module.css";

const blank = { currentPassword: "", newPassword: "" };

export function PasswordChange() {
  const { t, explain } = useI18n();
  const { api } = useSigned();
  const form = useForm(blank, { currentPassword: rules.required, newPassword: rules.password });
  const [state, setState] = useState<"idle" | "busy" | "done">("idle");
  const [problem, setProblem] = useState<unknown>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (state === "busy" || !form.check(element)) return;
    setState("busy");
    setProblem(undefined);
    try {
      await auth.changePassword(api, form.values.currentPassword, form.values.newPassword);
      form.setValues(blank);
      setState("done");
    } catch (error) {
      setState("idle");
      const reasons = { currentPassword: "profile.password.wrong", newPassword: "field.passwordIsUserId" } as const;
      if (!form.refuse(element, error, reasons)) setProblem(error);
    }
  }

  return (
    <Section title={t("profile.password")} text={t("profile.password.text")}>
      <form className={s.form} onSubmit={(event) => void submit(event)} noValidate data-testid="password-form">
        {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
        {state === "done" && <Notice kind="success">{t("profile.password.done")}</Notice>}
        <PasswordField
          {...form.input("currentPassword")}
          label={t("profile.password.current")}
          error={form.errors.currentPassword && t(form.errors.currentPassword)}
          autoComplete="current-password"
          data-testid="password-current"
        />
        <PasswordField
          {...form.input("newPassword")}
          label={t("profile.password.new")}
          hint={t("signup.password.hint")}
          error={form.errors.newPassword && t(form.errors.newPassword)}
          autoComplete="new-password"
          data-testid="password-new"
        />
        <div>
          <Button type="submit" busy={state === "busy"} data-testid="password-submit">
            {t("profile.password.submit")}
          </Button>
        </div>
      </form>
    </Section>
  );
}
