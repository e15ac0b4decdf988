import { useState } from "react";
import type { Room } from "../api/types";
import { Avatar } from "../components/avatar";
import { Button } from "../components/button";
import { Notice } from "../components/field";
import { Seats } from "../components/seats";
import { Skeleton } from "../components/states";
import { useI18n } from "../i18n";
import { hueOf } from "../lib/identity";
import s from "./room-card.module.css";

/**
 * One room of the lobby, as a table with its seats. A full room looks full and can't be joined, except by who is in it. Why
 * `onEnter` rejects is told on the card.
 */
export function RoomCard({ room, onEnter }: { room: Room; onEnter(): Promise<void> }) {
  const { t, ago, number, explain } = useI18n();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const full = room.personnel >= room.maxPersonnel;
  const closed = full && !room.joined;

  async function enter() {
    setBusy(true);
    setProblem(undefined);
    try {
      await onEnter();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  }

  return (
    <li
      className={s.card}
      data-testid="room-card"
      data-room-id={room.id}
      data-full={full}
      data-joined={room.joined}
      style={{ "--hue": hueOf(room.id) } as React.CSSProperties}
    >
      <div className={s.top}>
        <Seats taken={room.personnel} seats={room.maxPersonnel} className={s.seats} />
        <div className={s.about}>
          <h2 className={s.title}>{room.title}</h2>
          <p className={s.host}>
            <Avatar id={room.host.userId} name={room.host.userName} size="s" />
            <span>{t("room.host", { name: room.host.userName })}</span>
          </p>
        </div>
      </div>
      {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
      <div className={s.bottom}>
        <p className={s.personnel}>
          <span aria-hidden="true" data-testid="room-personnel">
            {t("room.personnel", { n: number(room.personnel), max: number(room.maxPersonnel) })}
          </span>
          <span className="sr-only">{t("room.personnel.label", { n: room.personnel, max: room.maxPersonnel })}</span>
          {room.joined ? <span className={s.joined}>{t("room.joined.badge")}</span> : full && <span className={s.full}>{t("room.full.badge")}</span>}
        </p>
        <span className={s.when}>{t("room.created", { when: ago(room.createdAt) })}</span>
        <Button
          look={closed || room.joined ? "quiet" : "primary"}
          disabled={closed}
          busy={busy}
          onClick={() => void enter()}
          aria-label={`${closed ? t("room.full") : room.joined ? t("room.enter") : t("room.join")}: ${room.title}`}
          data-testid="room-enter"
        >
          {closed ? t("room.full") : room.joined ? t("room.enter") : busy ? t("room.joining") : t("room.join")}
        </Button>
      </div>
    </li>
  );
}

export function RoomCardSkeleton() {
  return (
    <li className={s.card}>
      <div className={s.top}>
        <Skeleton className={s.seatsSkeleton} />
        <div className={s.about}>
          <Skeleton className={s.lineLong} />
          <Skeleton className={s.line} />
        </div>
      </div>
      <div className={s.bottom}>
        <Skeleton className={s.line} />
      </div>
    </li>
  );
}
