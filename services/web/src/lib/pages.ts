import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import type { Page } from "../api/types";
import { useLatest } from "./latest";

type Status = "loading" | "ready" | "end" | "failed";

interface State<T> {
  items: T[];
  cursor: string | undefined;
  status: Status;
  error?: unknown;
}

/** A list that comes page by page. Another `key` is another list; the old one stays visible until the new one is there. */
export function usePages<T extends { id: string }>(
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  key: string,
) {
  const [state, setState] = useState<State<T>>({ items: [], cursor: undefined, status: "loading" });
  const running = useRef<AbortController>(undefined);
  const asked = useRef<string>(undefined);
  const loader = useLatest(load);

  const fetchPage = useCallback(async (cursor: string | undefined) => {
    running.current?.abort();
    asked.current = cursor;
    const { signal } = (running.current = new AbortController());
    setState((before) => ({ ...before, status: "loading" }));
    try {
      const page = await loader.current(cursor, signal);
      if (signal.aborted) return;
      setState((before) => ({
        // What was created meanwhile may push an item onto the next page as well.
        items: cursor === undefined ? page.items : withoutRepeats([...before.items, ...page.items]),
        cursor: page.nextCursor,
        status: page.nextCursor === undefined ? "end" : "ready",
      }));
    } catch (error) {
      if (!signal.aborted) setState((before) => ({ ...before, status: "failed", error }));
    }
  }, [loader]);

  useEffect(() => {
    void fetchPage(undefined);
    return () => running.current?.abort();
  }, [fetchPage, key]);

  const reload = useCallback(() => void fetchPage(undefined), [fetchPage]);

  function more() {
    if (state.status === "ready") void fetchPage(state.cursor);
  }

  /** Asks once more for the page that could not be had. */
  function retry() {
    if (state.status === "failed") void fetchPage(asked.current);
  }

  /** Brings the list up to date in silence: its first page anew, and what was loaded beyond that stays. */
  async function refresh() {
    if (state.status !== "ready" && state.status !== "end") return;
    const { signal } = running.current!;
    try {
      const page = await loader.current(undefined, signal);
      if (!signal.aborted) setState((before) => refreshed(before, page));
    } catch {
      // What is there is not worse than before.
    }
  }

  function change(id: string, item: T) {
    setState((before) => ({ ...before, items: before.items.map((other) => (other.id === id ? item : other)) }));
  }

  return { ...state, more, retry, reload, refresh, change };
}

/** A list whose first page is now another. */
export function refreshed<T extends { id: string }>(before: State<T>, page: Page<T>): State<T> {
  const complete = page.nextCursor === undefined;
  if (complete || before.items.length <= page.items.length) {
    return { items: page.items, cursor: page.nextCursor, status: complete ? "end" : "ready" };
  }
  const there = new Set(page.items.map(({ id }) => id));
  return { ...before, items: [...page.items, ...before.items.filter(({ id }) => !there.has(id))] };
}

function withoutRepeats<T extends { id: string }>(items: T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}

/**
 * Calls back when the element comes into sight of the page, or of the box that it scrolls in, or close to it. It does so while
 * `armed`, once each time: whoever disarms it while loading is called again afterwards if the element is still in sight.
 */
export function useSight(onSight: () => void, armed: boolean, box?: RefObject<HTMLElement | null>) {
  const ref = useRef<HTMLDivElement>(null);
  const seen = useLatest(onSight);
  useEffect(() => {
    if (!armed) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && seen.current(), {
      root: box?.current ?? null,
      rootMargin: "500px",
    });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, [armed, box, seen]);
  return ref;
}
