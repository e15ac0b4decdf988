import { useEffect, useRef } from "react";
import { useI18n } from "../i18n";
import { createStore, useStore } from "./store";

/** What has come while nobody looked, for the tab. */
export const unread = createStore(0);

/** Names the page in the browser's tab. */
export function useTitle(title: string) {
  const { t, number } = useI18n();
  const name = t("app.name");
  const count = useStore(unread);
  const sign = count > 0 ? `(${number(count)}) ` : "";
  useEffect(() => {
    document.title = sign + (title === name ? name : `${title} · ${name}`);
  }, [sign, title, name]);
}

/**
 * Names the page, and gives its heading the focus when it appears, so that a screen reader says where one is; not where `focus`
 * is false, because something in the page takes it. The first page of a visit keeps the focus where the browser puts it.
 */
export function usePage(title: string, { focus = true } = {}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useTitle(title);
  useEffect(() => {
    if (visited && focus) heading.current?.focus({ preventScroll: true });
    visited = true;
  }, [focus]);
  return { ref: heading, tabIndex: -1 };
}

let visited = false;
