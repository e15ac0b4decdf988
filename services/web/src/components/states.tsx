import type { ReactNode } from "react";
import { useI18n } from "../i18n";
import { Button } from "./button";
import { Seats } from "./seats";
import s from "./states.module.css";

export function Loading() {
  const { t } = useI18n();
  return (
    <div className={s.loading} role="status">
      <Seats taken={3} seats={7} className={s.spinner} />
      <span className="sr-only">{t("app.loading")}</span>
    </div>
  );
}

interface EmptyProps {
  title: string;
  text?: string;
  children?: ReactNode;
}

export function EmptyState({ title, text, children }: EmptyProps) {
  return (
    <div className={s.state} data-testid="empty-state">
      <Seats taken={0} seats={9} className={s.figure} />
      <h2 className={s.title}>{title}</h2>
      {text && <p className={s.text}>{text}</p>}
      {children && <div className={s.actions}>{children}</div>}
    </div>
  );
}

interface ErrorProps extends EmptyProps {
  onRetry?: () => void;
}

export function ErrorState({ title, text, onRetry, children }: ErrorProps) {
  const { t } = useI18n();
  return (
    <div className={s.state} role="alert" data-testid="error-state">
      <Seats taken={1} seats={9} className={s.figure} />
      <h2 className={s.title}>{title}</h2>
      {text && <p className={s.text}>{text}</p>}
      {(onRetry || children) && (
        <div className={s.actions}>
          {onRetry && <Button onClick={onRetry}>{t("app.retry")}</Button>}
          {children}
        </div>
      )}
    </div>
  );
}

/** Grey shapes where something is about to appear. */
export function Skeleton({ className }: { className?: string | undefined }) {
  return <span className={`${s.skeleton} ${className ?? ""}`} aria-hidden="true" />;
}
