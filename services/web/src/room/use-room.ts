import { useCallback, useEffect, useRef, useState } from "react";
import { chat } from "../api/calls";
import { codeOf } from "../api/problem";
import type { Member, Message, Room } from "../api/types";
import { backoff, wait } from "../lib/backoff";
import { useLatest } from "../lib/latest";
import { useStore } from "../lib/store";
import { useSigned } from "../session/context";
import { isPassing } from "../session/session";
import { RoomFeed } from "./feed";

export type RoomState =
  | { status: "loading" }
  | { status: "ready"; room: Room }
  | { status: "failed"; error: unknown; gone: boolean };

const loading: RoomState = { status: "loading" };

/** A room as the lobby knows it: who hosts it, how full it is, whether one is a member. */
export function useRoom(roomId: string) {
  const { api } = useSigned();
  const [{ of, state }, setKnown] = useState<{ of: string; state: RoomState }>({ of: roomId, state: loading });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const put = useCallback((room: Room) => setKnown({ of: room.id, state: { status: "ready", room } }), []);

  useEffect(() => {
    const left = new AbortController();
    void (async () => {
      for (let attempt = 0; !left.signal.aborted; attempt++) {
        try {
          const room = await chat.room(api, roomId);
          if (!left.signal.aborted) setKnown({ of: roomId, state: { status: "ready", room } });
          return;
        } catch (error) {
          if (left.signal.aborted) return;
          // What is known stays on the page while the network is away.
          setKnown((before) =>
            before.of === roomId && before.state.status === "ready" && isPassing(error)
              ? before
              : { of: roomId, state: { status: "failed", error, gone: codeOf(error) === "not_found" || codeOf(error) === "validation" } },
          );
          if (!isPassing(error)) return;
          await wait(backoff(attempt), left.signal);
        }
      }
    })();
    return () => left.abort();
  }, [api, roomId, round]);

  return { state: of === roomId ? state : loading, reload, put };
}

interface FeedListener {
  /** What came live. */
  onArrivals(messages: readonly Message[]): void;
  /** What the conversation begins with. */
  onPage(messages: readonly Message[]): void;
}

/** The log of a room one is a member of. */
export function useFeed(roomId: string, listener: FeedListener) {
  const { api, connection, outbox, user } = useSigned();
  const [feed] = useState(() => new RoomFeed(roomId, user.userId, api, connection, outbox));
  const latest = useLatest(listener);
  useEffect(() => {
    feed.onArrivals = (messages) => latest.current.onArrivals(messages);
    feed.onPage = (messages) => latest.current.onPage(messages);
    void feed.start();
    return () => feed.stop();
  }, [feed, latest]);
  return { feed, state: useStore(feed.state) };
}

interface Members {
  items: Member[];
  cursor: string | undefined;
  failed: boolean;
  loaded: boolean;
}

/** The members, the earliest first; `refresh` after somebody came or went. */
export function useMembers(roomId: string) {
  const { api } = useSigned();
  const [members, setMembers] = useState<Members>({ items: [], cursor: undefined, failed: false, loaded: false });
  const latest = useRef(0);

  const load = useCallback(
    async (cursor?: string) => {
      const round = ++latest.current;
      try {
        const page = await chat.members(api, roomId, cursor);
        if (round !== latest.current) return;
        setMembers((before) => ({
          items: cursor === undefined ? page.items : [...before.items, ...page.items],
          cursor: page.nextCursor,
          failed: false,
          loaded: true,
        }));
      } catch {
        if (round === latest.current) setMembers((before) => ({ ...before, failed: true }));
      }
    },
    [api, roomId],
  );

  useEffect(() => {
    void load();
  }, [load]);

  const { cursor } = members;
  return {
    members,
    refresh: useCallback(() => void load(), [load]),
    more: useCallback(() => void load(cursor), [load, cursor]),
  };
}

/**
 * Runs `work` a moment after it is asked for, once however often that was. In a big room the moment is longer and random: a
 * thousand people need not all ask who came at the same time.
 */
export function useSoon(work: () => void, delay: () => number): () => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const current = useLatest({ work, delay });
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      current.current.work();
    }, current.current.delay());
  }, [current]);
}
