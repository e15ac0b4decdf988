import { useEffect, useState } from "react";
import type { Message } from "../api/types";
import { ButtonLink } from "../components/button";
import { ErrorState } from "../components/states";
import { useI18n } from "../i18n";
import { useSigned } from "../session/context";
import { Conversation, ConversationSkeleton } from "./conversation";
import { eventText, nameOf } from "./rows";
import { useFeed } from "./use-room";

// A screen reader says each message as it comes; who was away long enough to miss more reads the conversation.
const spokenAtOnce = 5;

interface Props {
  roomId: string;
  /** Somebody came or went. */
  onChange(): void;
  /** Reads the room's record anew: the server's word on who is a member. */
  reload(): void;
}

/** A room's conversation, or why it is not there. What arrives is drawn here and nowhere around it. */
export function Talk({ roomId, onChange, reload }: Props) {
  const { t, explain } = useI18n();
  const { user } = useSigned();
  const [heard, setHeard] = useState<readonly Message[]>([]);
  const { feed, state } = useFeed(roomId, {
    onArrivals(messages) {
      if (messages.some(({ type }) => type !== "MESSAGE")) onChange();
      const others = messages.filter(({ senderId }) => senderId !== user.userId);
      if (others.length > 0) setHeard((before) => [...before, ...others].slice(-spokenAtOnce));
    },
    onPage(messages) {
      // The room's record and its members were asked for before: somebody may have come or gone in between.
      if (messages.some(({ type, senderId }) => type !== "MESSAGE" && senderId !== user.userId)) onChange();
    },
  });

  // The server ended the membership (left in another tab, say): the room's record tells what is true now.
  const refused = state.status === "refused";
  useEffect(() => {
    if (refused) reload();
  }, [refused, reload]);

  function retry() {
    reload();
    void feed.start();
  }

  const { status } = state;
  const seen = state.timeline.last > 0;
  return (
    <>
      {status === "loading" && !seen && <ConversationSkeleton />}
      {(status === "ready" || (status === "loading" && seen)) && <Conversation roomId={roomId} feed={feed} state={state} />}
      {(status === "failed" || refused) && (
        <ErrorState title={t("chat.loadFailed")} text={explain(state.code ?? "unknown")} onRetry={retry}>
          <ButtonLink to="/">{t("chat.back")}</ButtonLink>
        </ErrorState>
      )}
      <div className="sr-only" role="log" aria-live="polite" aria-label={t("chat.log")}>
        {heard.map((message) => (
          <p key={message.seq}>
            {message.type === "MESSAGE" ? `${nameOf(message)}: ${message.content}` : eventText(message, t)}
          </p>
        ))}
      </div>
    </>
  );
}
