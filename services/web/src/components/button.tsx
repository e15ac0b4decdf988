import type { ComponentProps } from "react";
import { Link } from "../lib/router";
import s from "./button.module.css";

type Look = "primary" | "quiet" | "danger" | "ghost";

interface Props extends ComponentProps<"button"> {
  look?: Look;
  /** Says that it is at work; a busy button does nothing more. */
  busy?: boolean;
  wide?: boolean;
}

function classes(look: Look, wide?: boolean, more?: string) {
  return [s.button, s[look], wide ? s.wide : "", more].filter(Boolean).join(" ");
}

export function Button({ look = "quiet", busy, wide, className, type = "button", onClick, ...rest }: Props) {
  return (
    <button
      {...rest}
      type={type}
      className={classes(look, wide, className)}
      // Not `disabled` while busy: that would take the focus away from who pressed it.
      aria-disabled={busy || undefined}
      onClick={(event) => (busy ? event.preventDefault() : onClick?.(event))}
    />
  );
}

export function ButtonLink({ to, look = "quiet", children }: { to: string; look?: Look; children: React.ReactNode }) {
  return (
    <Link to={to} className={classes(look)}>
      {children}
    </Link>
  );
}

/** A button that shows only an icon, and says what it does to those who don't see it. */
export function IconButton({ label, className, ...rest }: Omit<Props, "look"> & { label: string }) {
  return <button type="button" {...rest} aria-label={label} title={label} className={`${s.icon} ${className ?? ""}`} />;
}
