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
  colourBrowser(next);
  theme.set(next);
}

/** Which of the page's theme colours the browser's own bars take, as public/theme.js does. */
function colourBrowser(chosen: Theme): void {
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[data-theme-color]")) {
    const own = meta.dataset["themeColor"];
    meta.media = chosen === "system" ? `(prefers-color-scheme: ${own})` : chosen === own ? "all" : "not all";
  }
}
