import { useEffect, useRef, type RefObject } from "react";

/** The value of the latest render, for what runs later: a timer, an observer, an answer from the network. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
