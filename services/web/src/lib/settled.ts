import { useEffect, useState } from "react";

/** The value once it has stopped changing for a moment: what is searched for, rather than every letter on the way there. */
export function useSettled<T>(value: T, quiet = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quiet);
    return () => clearTimeout(timer);
  }, [value, quiet]);
  return settled;
}
