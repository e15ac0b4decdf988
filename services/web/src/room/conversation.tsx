import { useMemo, useRef } from "react";
import { Button } from "../components/button";
import { DownIcon } from "../components/icons";
import { EmptyState, Skeleton } from "../components/states";
import { useI18n } from "../i18n";
import { useSight } from "../lib/pages";
import { useStore } from "../lib/store";
import { useSigned } from "../session/context";
import type { FeedState, RoomFeed } from "./feed";
import { MessageRow } from "./message-row";
import { OutgoingRow } from "./outgoing-row";
import { rowsOf } from "./rows";
import { useScroll } from "./use-scroll";
import s from "./conversation.module.css";

interface Props {
  roomId: string;
  feed: RoomFeed;
  state: FeedState;
}

/** What was said, the newest at the bottom, and one's own messages that are still on their way. */
export function Conversation({ roomId, feed, state }: Props) {
  const { t, day, number } = useI18n();
  const { user, outbox } = useSigned();
  const entries = useStore(outbox.entries);
  const outgoing = entries.filter((entry) => entry.roomId === roomId);
  const { messages } = state.timeline;
  const rows = useMemo(() => rowsOf(messages, user.userId), [messages, user.userId]);

  const scroller = useRef<HTMLDivElement>(null);
  const { unseen, away, toBottom } = useScroll(scroller, messages, user.userId, outgoing.at(-1)?.key);
  const top = useSight(() => void feed.loadOlder(), scroller);

  return (
    <div className={s.frame}>
      {/* Scrolling needs the focus where there is no mouse. */}
      <div ref={scroller} className={s.scroller} tabIndex={0} role="region" aria-label={t("chat.log")} data-testid="conversation">
        <div ref={top} />
        {state.older === "loading" && <OlderSkeleton label={t("chat.older")} />}
        {state.older === "failed" && (
          <p className={s.older}>
            {t("chat.older.failed")}{" "}
            <Button look="ghost" onClick={() => void feed.loadOlder()}>
              {t("app.retry")}
            </Button>
          </p>
        )}
        {state.atStart && messages.length > 0 && <p className={s.begin}>{t("chat.begin")}</p>}
        {messages.length === 0 && outgoing.length === 0 && <EmptyState title={t("chat.empty")} text={t("chat.empty.text")} />}
        <ol className={s.rows} data-testid="messages">
          {rows.map((row) =>
            row.kind === "day" ? (
              <li key={row.id} className={s.day}>
                <span>{day(row.at)}</span>
              </li>
            ) : row.kind === "event" ? (
              <li key={row.id} className={s.event} data-testid="message" data-seq={row.message.seq} data-type={row.message.type}>
                {row.message.type === "ENTER"
                  ? t("chat.entered", { name: row.message.senderName })
                  : t("chat.left", { name: row.message.senderName })}
              </li>
            ) : (
              <MessageRow key={row.id} row={row} />
            ),
          )}
          {outgoing.map((entry) => (
            <OutgoingRow key={entry.key} entry={entry} />
          ))}
        </ol>
      </div>
      {away && (
        <button type="button" className={s.pill} data-unseen={unseen > 0} onClick={toBottom} data-testid="new-messages">
          <DownIcon />
          {unseen > 0 ? t("chat.new", { n: number(unseen) }) : t("chat.latest")}
        </button>
      )}
    </div>
  );
}

function OlderSkeleton({ label }: { label: string }) {
  return (
    <div className={s.skeletons} role="status" aria-label={label}>
      <Skeleton className={s.skeleton} />
      <Skeleton className={s.skeletonShort} />
      <Skeleton className={s.skeleton} />
    </div>
  );
}
