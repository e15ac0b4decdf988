import { useEffect } from "react";

/**
 * Keeps `--visible-height` at the height that is not covered. Safari on iOS lays its keyboard over the page and scrolls it away,
 * where other browsers make the page smaller, as its viewport asks them to.
 */
export function useVisibleHeight() {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const { style } = document.documentElement;
    function fit() {
      // Somebody who has zoomed in sees a part on purpose.
      if (viewport!.scale !== 1) return;
      style.setProperty("--visible-height", `${viewport!.height}px`);
      if (viewport!.offsetTop > 0) window.scrollTo(0, 0);
    }
    fit();
    viewport.addEventListener("resize", fit);
    return () => {
      viewport.removeEventListener("resize", fit);
      style.removeProperty("--visible-height");
    };
  }, []);
}
