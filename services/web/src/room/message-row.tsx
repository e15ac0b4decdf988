import { memo } from "react";
import type { Message } from "../api/types";
import { Avatar } from "../components/avatar";
import { useI18n } from "../i18n";
import { useProfile } from "../session/profiles";
import { linkPieces } from "./links";
import { nameOf } from "./rows";
import s from "./message-row.module.css";

interface Props {
  message: Message;
  own: boolean;
  first: boolean;
  last: boolean;
}

/** One message; only the first of a group says who it is from, and only the last of a minute when it was. */
export const MessageRow = memo(function MessageRow({ message, own, first, last }: Props) {
  const { t, time, dateTime } = useI18n();
  return (
    <li
      className={s.row}
      data-testid="message"
      data-seq={message.seq}
      data-type="MESSAGE"
      data-own={own}
      data-first={first}
      data-sender={message.senderId}
    >
      {own ? <span className="sr-only">{t("chat.you")}</span> : <Sender id={message.senderId} name={nameOf(message)} shown={first} />}
      <div className={s.line}>
        <p className={s.bubble} data-testid="message-content">
          <Content text={message.content} />
        </p>
        {last && (
          <time className={s.time} dateTime={message.sentAt} title={dateTime(message.sentAt)}>
            {time(message.sentAt)}
          </time>
        )}
      </div>
    </li>
  );
});

function Sender({ id, name, shown }: { id: string; name: string; shown: boolean }) {
  const profile = useProfile(id);
  if (!shown) return <span className="sr-only">{name}</span>;
  return (
    <>
      <span className={s.avatar}>
        <Avatar id={id} name={name} imageUrl={profile?.imageUrl} />
      </span>
      <span className={s.name}>{name}</span>
    </>
  );
}

export function Content({ text }: { text: string }) {
  return linkPieces(text).map((piece, i) =>
    piece.href ? (
      <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
        {piece.text}
      </a>
    ) : (
      piece.text
    ),
  );
}
