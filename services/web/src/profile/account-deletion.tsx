import { useState, type FormEvent } from "react";
import { auth } from "../api/calls";
import { Button } from "../components/button";
import { Dialog, DialogActions } from "../components/dialog";
import { Notice, PasswordField } from "../components/field";
import { Lights } from "../components/lights";
import { useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { navigate } from "../lib/router";
import { rules } from "../lib/rules";
import { useSaga } from "../lib/saga";
import { forgetUser } from "../room/kept";
import { useSession, useSigned } from "../session/context";
import { Section } from "./section";
import s from "./sections.module.css";

export function AccountDeletion() {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  return (
    <Section title={t("profile.delete")} text={t("profile.delete.text")} danger>
      <div>
        <Button look="danger" onClick={() => setOpen(true)} data-testid="delete-account">
          {t("profile.delete")}
        </Button>
      </div>
      {open && <DeletionDialog onClose={() => setOpen(false)} />}
    </Section>
  );
}

function DeletionDialog({ onClose }: { onClose(): void }) {
  const { t, explain } = useI18n();
  const session = useSession();
  const { api, user, connection } = useSigned();
  const form = useForm({ password: "" }, { password: rules.required });
  const { saga, busy, follow, reset } = useSaga();
  const [problem, setProblem] = useState<unknown>();
  const gone = saga?.status === "complete" || saga?.status === "partial";

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (busy || gone || !form.check(element)) return;
    setProblem(undefined);
    try {
      // The account's sessions end with it, which would throw us out before the lights are seen.
      connection.stop();
      const last = await follow(() => auth.deleteAccount(api, form.values.password));
      if (last?.status === "failed") connection.start();
    } catch (error) {
      connection.start();
      reset(error);
      if (!form.refuse(element, error, { password: "profile.password.wrong" })) setProblem(error);
    }
  }

  function close() {
    if (!gone) return busy ? undefined : onClose();
    connection.stop();
    forgetUser(user.userId);
    session.end();
    navigate("/login?from=deleted", { replace: true });
  }

  return (
    <Dialog title={t("profile.delete.title")} onClose={close} testId="delete-dialog">
      <form className={s.form} onSubmit={(event) => void submit(event)} noValidate>
        <p>{t("profile.delete.text")}</p>
        {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
        {saga ? (
          <>
            <Lights saga={saga} label={t("profile.delete.lights")} />
            <p className={s.outcome} role="status" data-testid="delete-outcome" data-status={saga.status}>
              {saga.status === "complete" && t("login.deleted")}
              {saga.status === "partial" && t("profile.delete.partial")}
              {saga.status === "failed" && t("profile.delete.failed")}
              {saga.status === "pending" && t("signup.pending")}
            </p>
          </>
        ) : (
          <PasswordField
            {...form.input("password")}
            label={t("profile.delete.password")}
            error={form.errors.password && t(form.errors.password)}
            autoComplete="current-password"
            data-testid="delete-password"
          />
        )}
        <DialogActions>
          {gone ? (
            <Button look="primary" onClick={close} data-testid="delete-done">
              {t("profile.delete.done")}
            </Button>
          ) : (
            <>
              <Button look="ghost" onClick={close}>
                {t("app.cancel")}
              </Button>
              <Button look="danger" type="submit" busy={busy} data-testid="delete-confirm">
                {busy ? t("profile.delete.busy") : t("profile.delete.confirm")}
              </Button>
            </>
          )}
        </DialogActions>
      </form>
    </Dialog>
  );
}
