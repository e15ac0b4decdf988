import { useState, type FormEvent } from "react";
import { chat } from "../api/calls";
import type { Room } from "../api/types";
import { Button } from "../components/button";
import { Dialog, DialogActions } from "../components/dialog";
import { Field, Notice } from "../components/field";
import { useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { rules } from "../lib/rules";
import { uuid } from "../lib/uuid";
import { useSigned } from "../session/context";
import s from "../pages/forms.module.css";

interface Props {
  initialTitle: string;
  onClose(): void;
  onCreated(room: Room): void;
}

export function CreateRoom({ initialTitle, onClose, onCreated }: Props) {
  const { t, explain } = useI18n();
  const { api } = useSigned();
  const form = useForm(
    { title: initialTitle, maxPersonnel: "8" },
    { title: rules.title, maxPersonnel: rules.maxPersonnel },
  );
  // One key for all tries of this dialog with the same input: an answer that got lost must not leave two rooms behind.
  const [key, setKey] = useState({ input: "", value: "" });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (busy || !form.check(element)) return;
    const input = { title: form.values.title.trim(), maxPersonnel: Number(form.values.maxPersonnel) };
    const text = JSON.stringify(input);
    const value = key.input === text ? key.value : uuid();
    setKey({ input: text, value });
    setBusy(true);
    setProblem(undefined);
    try {
      onCreated(await chat.create(api, input, value));
    } catch (error) {
      setBusy(false);
      if (!form.refuse(element, error)) setProblem(error);
    }
  }

  return (
    <Dialog title={t("create.title")} onClose={onClose} testId="create-dialog">
      <form className={s.form} onSubmit={(event) => void submit(event)} noValidate>
        {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
        <Field
          {...form.input("title")}
          label={t("create.name")}
          hint={t("create.name.hint")}
          error={form.errors.title && t(form.errors.title)}
          autoComplete="off"
          data-testid="create-title"
        />
        <Field
          {...form.input("maxPersonnel")}
          label={t("create.max")}
          hint={t("create.max.hint")}
          error={form.errors.maxPersonnel && t(form.errors.maxPersonnel)}
          inputMode="numeric"
          autoComplete="off"
          data-testid="create-max"
        />
        <DialogActions>
          <Button look="ghost" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button look="primary" type="submit" busy={busy} data-testid="create-submit">
            {busy ? t("create.busy") : t("create.submit")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
