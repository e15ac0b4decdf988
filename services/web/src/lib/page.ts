import { useEffect, useRef } from "react";
import { useI18n } from "../i18n";

/**
 * Names the page in the browser's tab, and gives its heading the focus when it appears, so that a screen reader says where one
 * is. The first page of a visit keeps the focus where the browser puts it.
 */
export function usePage(title: string) {
  const { t } = useI18n();
  const heading = useRef<HTMLHeadingElement>(null);
  const name = t("app.name");
  useEffect(() => {
    document.title = title === name ? name : `${title} · ${name}`;
  }, [title, name]);
  useEffect(() => {
    if (visited) heading.current?.focus({ preventScroll: true });
    visited = true;
  }, []);
  return { ref: heading, tabIndex: -1 };
}

let visited = false;
