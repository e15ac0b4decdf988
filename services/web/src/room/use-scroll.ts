import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import type { Message } from "../api/types";
import { useVisible } from "../lib/visible";

// This close to the bottom counts as being there.
const nearBottom = 80;

/**
 * Keeps a conversation where its reader is: at the bottom when they are there, and otherwise on the line they read, whatever is
 * added above or below. Counts what others said below it, or while the page was hidden.
 */
export function useScroll(
  ref: RefObject<HTMLDivElement | null>,
  messages: readonly Message[],
  userId: string,
  lastOutgoing: string | undefined,
) {
  const visible = useVisible();
  const [away, setAway] = useState(false);
  const [seen, setSeen] = useState(messages.at(-1)?.seq ?? 0);
  const atBottom = useRef(true);
  const size = useRef("");
  // The first message and where it stood: when older ones come before it, it stays there.
  const anchor = useRef({ first: 0, fromEnd: 0 });
  const last = messages.at(-1)?.seq ?? 0;

  const measure = useCallback(() => {
    const element = ref.current;
    if (!element) return;
    const fromEnd = element.scrollHeight - element.scrollTop;
    anchor.current.fromEnd = fromEnd;
    atBottom.current = fromEnd - element.clientHeight < nearBottom;
    setAway(!atBottom.current);
  }, [ref]);

  const toBottom = useCallback(() => {
    const element = ref.current;
    if (!element) return;
    element.scrollTop = element.scrollHeight;
    measure();
  }, [ref, measure]);

  useLayoutEffect(() => {
    const element = ref.current!;
    const first = messages[0]?.seq ?? 0;
    if (atBottom.current) element.scrollTop = element.scrollHeight;
    else if (first < anchor.current.first) element.scrollTop = element.scrollHeight - anchor.current.fromEnd;
    anchor.current = { first, fromEnd: element.scrollHeight - element.scrollTop };
  }, [messages, ref]);

  // Sending brings one back down, wherever one was reading.
  useLayoutEffect(() => {
    if (lastOutgoing) toBottom();
  }, [lastOutgoing, toBottom]);

  useEffect(() => {
    if (!away && visible) setSeen(last);
  }, [away, visible, last]);

  useEffect(() => {
    const element = ref.current!;
    const sizeNow = () => `${element.clientHeight}/${element.scrollHeight}`;
    // A browser that has to scroll because a size has changed says so before the observer does: nobody has left the bottom.
    const onScroll = () => {
      if (!atBottom.current || sizeNow() === size.current) measure();
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    // The room for the conversation changes with the window, the phone's keyboard and the height of the composer.
    const observer = new ResizeObserver(() => {
      size.current = sizeNow();
      if (atBottom.current) element.scrollTop = element.scrollHeight;
      else measure();
    });
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    return () => {
      element.removeEventListener("scroll", onScroll);
      observer.disconnect();
    };
  }, [ref, measure]);

  const unseen = messages.filter((message) => message.seq > seen && message.senderId !== userId && message.type === "MESSAGE").length;
  return { seen, unseen, away, toBottom };
}
