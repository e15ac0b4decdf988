import { useEffect, useMemo, useRef } from "react";
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
import { eventText, rowsOf } from "./rows";
import { useLeftOff } from "./use-left-off";
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
  const scroller = useRef<HTMLDivElement>(null);
  const { seen, unseen, away, toBottom } = useScroll(scroller, messages, user.userId, outgoing.at(-1)?.key);
  const mark = useLeftOff(roomId, seen, unseen, state.timeline.last);
  const rows = useMemo(() => rowsOf(messages, user.userId, mark), [messages, user.userId, mark]);
  const top = useSight(() => void feed.loadOlder(), state.older === "idle" && !state.atStart, scroller);

  useEffect(() => {
    if (!away) feed.forgetOlder();
  }, [away, feed, messages]);

  return (
    <div className={s.frame}>
      {/* Scrolling needs the focus where there is no mouse. */}
      <div ref={scroller} className={s.scroller} tabIndex={0} role="region" aria-label={t("chat.log")} data-testid="conversation">
        <div ref={top} />
        {state.older === "failed" && (
          <p className={s.older}>
            {t("chat.older.failed")}{" "}
            <Button look="ghost" onClick={() => void feed.retryOlder()}>
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
                {eventText(row.message, t)}
              </li>
            ) : row.kind === "new" ? (
              <li key={row.id} className={s.new} data-testid="new-line">
                <span>{t("chat.newLine")}</span>
              </li>
            ) : (
              <MessageRow key={row.id} message={row.message} own={row.own} first={row.first} last={row.last} />
            ),
          )}
          {outgoing.map((entry) => (
            <OutgoingRow key={entry.key} entry={entry} />
          ))}
        </ol>
      </div>
      {state.older === "loading" && (
        <p className={s.loading} role="status">
          {t("chat.older")}
        </p>
      )}
      {away && (
        <button type="button" className={s.pill} data-unseen={unseen > 0} onClick={toBottom} data-testid="new-messages">
          <DownIcon />
          {unseen > 0 ? t("chat.new", { n: number(unseen) }) : t("chat.latest")}
        </button>
      )}
    </div>
  );
}

/** The shape of a conversation, until the first page of it is there. */
export function ConversationSkeleton() {
  const { t } = useI18n();
  return (
    <div className={s.skeletons} role="status" aria-label={t("app.loading")}>
      {["46%", "30%", "38%", "24%"].map((width, i) => (
        <div key={width} className={s.skeleton} data-own={i % 2 === 1} style={{ inlineSize: width }}>
          <Skeleton className={s.shape} />
        </div>
      ))}
    </div>
  );
}
