import { createStore } from "./store";
import { read, remove, write } from "./storage";

export type Theme = "system" | "light" | "dark";

const storageKey = "moim.theme";

function remembered(): Theme {
  const theme = read(storageKey);
  return theme === "light" || theme === "dark" ? theme : "system";
}

export const theme = createStore<Theme>(remembered());

/** The page's `data-theme` overrides what the system prefers; public/theme.js sets it before the first paint. */
export function setTheme(next: Theme): void {
  if (next === "system") {
    remove(storageKey);
    delete document.documentElement.dataset.theme;
  } else {
    write(storageKey, next);
    document.documentElement.dataset.theme = next;
  }
  theme.set(next);
}
