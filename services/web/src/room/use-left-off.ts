import { useEffect, useState } from "react";
import { useLatest } from "../lib/latest";
import { unread } from "../lib/page";
import { useVisible } from "../lib/visible";
import { useSigned } from "../session/context";
import { keepSeen, readSeen } from "./kept";

// Who is back for this long has what was missed; what comes now is not news that waited.
const settledAfter = 5_000;

/**
 * Where one left off: the last message seen before the room was left or its page hidden, or 0 where nothing has come since.
 * Meanwhile the tab counts what is unseen.
 */
export function useLeftOff(roomId: string, seen: number, unseen: number, last: number): number {
  const { user } = useSigned();
  const visible = useVisible();
  const [mark, setMark] = useState(() => readSeen(user.userId, roomId));
  const latest = useLatest({ seen, last });

  useEffect(() => {
    const keep = () => keepSeen(user.userId, roomId, latest.current.seen);
    window.addEventListener("pagehide", keep);
    return () => {
      window.removeEventListener("pagehide", keep);
      keep();
    };
  }, [user.userId, roomId, latest]);

  useEffect(() => {
    if (!visible) {
      keepSeen(user.userId, roomId, latest.current.seen);
      setMark(latest.current.seen);
      return;
    }
    const timer = setTimeout(() => setMark((before) => (latest.current.last > before ? before : 0)), settledAfter);
    return () => clearTimeout(timer);
  }, [visible, user.userId, roomId, latest]);

  useEffect(() => {
    unread.set(visible ? 0 : unseen);
    return () => unread.set(0);
  }, [visible, unseen]);

  return mark;
}
