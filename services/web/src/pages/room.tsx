import { useState } from "react";
import { chat } from "../api/calls";
import { Button, ButtonLink } from "../components/button";
import { Notice } from "../components/field";
import { Seats } from "../components/seats";
import { EmptyState, ErrorState, Loading } from "../components/states";
import { useI18n } from "../i18n";
import { usePage } from "../lib/page";
import { RoomSidebar } from "../room/sidebar";
import { RoomView } from "../room/room-view";
import { useRoom } from "../room/use-room";
import { useSigned } from "../session/context";
import type { Room } from "../api/types";
import s from "./room.module.css";

export function RoomPage({ roomId }: { roomId: string }) {
  const { t, explain } = useI18n();
  const { state, reload, put } = useRoom(roomId);
  return (
    <div className={s.page}>
      <RoomSidebar current={roomId} room={state.status === "ready" ? state.room : undefined} />
      {state.status === "loading" && <Loading />}
      {state.status === "failed" && state.gone && (
        <EmptyState title={t("chat.gone")} text={t("chat.gone.text")}>
          <ButtonLink to="/" look="primary">
            {t("chat.back")}
          </ButtonLink>
        </EmptyState>
      )}
      {state.status === "failed" && !state.gone && (
        <ErrorState title={t("chat.loadFailed")} text={explain(state.error)} onRetry={reload} />
      )}
      {state.status === "ready" &&
        (state.room.joined ? (
          <RoomView room={state.room} reload={reload} onLeft={() => put({ ...state.room, joined: false })} />
        ) : (
          <Gate room={state.room} onJoined={put} onProblem={reload} />
        ))}
    </div>
  );
}

interface GateProps {
  room: Room;
  onJoined(room: Room): void;
  onProblem(): void;
}

/** What somebody sees who came by a link and is not a member. */
function Gate({ room, onJoined, onProblem }: GateProps) {
  const { t, explain, number } = useI18n();
  const { api } = useSigned();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const heading = usePage(room.title);
  const full = room.personnel >= room.maxPersonnel;

  async function join() {
    setBusy(true);
    setProblem(undefined);
    try {
      onJoined((await chat.join(api, room.id)).room);
    } catch (error) {
      setBusy(false);
      setProblem(error);
      onProblem();
    }
  }

  return (
    <section className={s.gate} data-testid="room-gate">
      <Seats taken={room.personnel} seats={room.maxPersonnel} className={s.seats} />
      <h1 {...heading}>{room.title}</h1>
      <p className={s.facts}>
        {t("room.host", { name: room.host.userName })} · {t("room.personnel", { n: number(room.personnel), max: number(room.maxPersonnel) })}
      </p>
      <p>
        {t("chat.gate.title")}. {t("chat.gate.text")}
      </p>
      {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
      <div className={s.actions}>
        <ButtonLink to="/">{t("chat.back")}</ButtonLink>
        <Button look="primary" disabled={full} busy={busy} onClick={() => void join()} data-testid="gate-join">
          {full ? t("room.full") : busy ? t("room.joining") : t("room.join")}
        </Button>
      </div>
    </section>
  );
}

