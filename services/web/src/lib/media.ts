import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds, now and whenever that changes. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** With a mouse there is a keyboard; where there is none, focusing a field brings one up over half of the screen. */
export const hasMouse = () => matchMedia("(hover: hover)").matches;

export const wantsLessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
