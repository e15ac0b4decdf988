import { useId, useState, type InputHTMLAttributes, type ReactNode } from "react";
import { useI18n } from "../i18n";
import { IconButton } from "./button";
import { EyeIcon, EyeOffIcon } from "./icons";
import s from "./field.module.css";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  error?: string | undefined;
  trailing?: ReactNode;
}

/** An input with its label, a hint, and what is wrong with it. */
export function Field({ label, hint, error, trailing, id, ...rest }: Props) {
  const own = useId();
  const inputId = id ?? own;
  const notes = [error ? `${inputId}-error` : "", hint ? `${inputId}-hint` : ""].filter(Boolean).join(" ");
  return (
    <div className={s.field}>
      <label htmlFor={inputId} className={s.label}>
        {label}
      </label>
      <div className={s.box} data-invalid={error ? true : undefined}>
        <input {...rest} id={inputId} aria-invalid={error ? true : undefined} aria-describedby={notes || undefined} className={s.input} />
        {trailing}
      </div>
      {error && (
        <p id={`${inputId}-error`} className={s.error} role="alert">
          {error}
        </p>
      )}
      {hint && (
        <p id={`${inputId}-hint`} className={s.hint} hidden={Boolean(error)}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function PasswordField(props: Omit<Props, "type" | "trailing">) {
  const { t } = useI18n();
  const [shown, setShown] = useState(false);
  const toggle = (
    <IconButton label={shown ? t("password.hide") : t("password.show")} aria-pressed={shown} onClick={() => setShown(!shown)}>
      {shown ? <EyeOffIcon /> : <EyeIcon />}
    </IconButton>
  );
  return <Field {...props} type={shown ? "text" : "password"} trailing={toggle} />;
}

export function Notice({ kind, children }: { kind: "info" | "success" | "error"; children: ReactNode }) {
  return (
    <p className={s.notice} data-kind={kind} data-testid={`notice-${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </p>
  );
}
