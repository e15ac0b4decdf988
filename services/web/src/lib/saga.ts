import { useCallback, useEffect, useRef, useState } from "react";
import { ProblemError } from "../api/problem";
import { followSaga } from "../api/saga";
import type { Saga } from "../api/types";

/** Follows a saga for a page that shows its lights; leaving the page stops listening, not the saga. */
export function useSaga() {
  const [saga, setSaga] = useState<Saga>();
  const [busy, setBusy] = useState(false);
  const left = useRef(new AbortController());

  useEffect(() => {
    left.current = new AbortController();
    return () => left.current.abort();
  }, []);

  const follow = useCallback(async (start: () => Promise<Response>): Promise<Saga | undefined> => {
    setBusy(true);
    setSaga(undefined);
    try {
      let last: Saga | undefined;
      for await (const record of followSaga(start, left.current.signal)) {
        last = record;
        setSaga(record);
      }
      return last;
    } finally {
      setBusy(false);
    }
  }, []);

  /** After a failure: a refused request has no lights; one lost on the way keeps those that were seen. */
  const reset = useCallback((error: unknown) => {
    if (error instanceof ProblemError) setSaga(undefined);
  }, []);

  return { saga, busy, follow, reset };
}
