import { useId, type ReactNode } from "react";
import s from "./section.module.css";

interface Props {
  title: string;
  text?: string;
  danger?: boolean;
  children: ReactNode;
}

/** One matter of the profile page. */
export function Section({ title, text, danger, children }: Props) {
  const id = useId();
  return (
    <section className={s.section} aria-labelledby={id} data-danger={danger}>
      <header>
        <h2 id={id} className={s.title}>
          {title}
        </h2>
        {text && <p className={s.text}>{text}</p>}
      </header>
      {children}
    </section>
  );
}
