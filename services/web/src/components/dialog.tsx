import { useEffect, useId, useRef, type ReactNode } from "react";
import { useI18n } from "../i18n";
import { IconButton } from "./button";
import { CloseIcon } from "./icons";
import s from "./dialog.module.css";

interface Props {
  title: string;
  onClose(): void;
  children: ReactNode;
  testId?: string;
}

/** A modal dialog: the browser's own, which keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children, testId }: Props) {
  const { t } = useI18n();
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();

  useEffect(() => {
    const dialog = ref.current!;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);

  return (
    // A click on the backdrop closes as Escape does; for the keyboard there are Escape and the close button.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
    <dialog
      ref={ref}
      className={s.dialog}
      aria-labelledby={titleId}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div className={s.body}>
        <header className={s.header}>
          <h2 id={titleId}>{title}</h2>
          <IconButton label={t("app.close")} onClick={onClose}>
            <CloseIcon />
          </IconButton>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={s.actions}>{children}</div>;
}
