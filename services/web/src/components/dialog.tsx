import { useEffect, useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { useI18n } from "../i18n";
import { IconButton } from "./button";
import { CloseIcon } from "./icons";
import s from "./dialog.module.css";

interface Props {
  title: string;
  /** Asked to close; a dialog that is still there afterwards stays open. */
  onClose(): void;
  children: ReactNode;
  /** At the side of the screen, from top to bottom. */
  side?: boolean;
  testId?: string;
}

/** A modal dialog: the browser's own, which keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children, side, testId }: Props) {
  const { t } = useI18n();
  const ref = useRef<HTMLDialogElement>(null);
  const pressed = useRef<EventTarget>(null);
  const [closed, setClosed] = useState(0);
  const titleId = useId();

  useEffect(() => {
    const dialog = ref.current!;
    if (!dialog.open) dialog.showModal();
  }, [closed]);

  // Before it leaves the page: only a dialog that is still in it gives the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current!;
    return () => dialog.close();
  }, []);

  return (
    // A click on the backdrop closes as Escape does; for the keyboard there are Escape and the close button.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
    <dialog
      ref={ref}
      className={s.dialog}
      aria-labelledby={titleId}
      data-side={side}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Browsers let nobody be held: a second Escape closes it unasked.
      onClose={(event) => {
        if (event.target !== ref.current || ref.current.open) return;
        onClose();
        setClosed((before) => before + 1);
      }}
      // A click is on whatever contains both its ends: one that marks text may begin in a field and end outside.
      onPointerDown={(event) => (pressed.current = event.target)}
      onClick={(event) => event.target === ref.current && pressed.current === ref.current && onClose()}
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
