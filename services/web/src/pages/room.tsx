import { useState } from "react";
import { chat } from "../api/calls";
import { Button, ButtonLink } from "../components/button";
import { Notice } from "../components/field";
import { Seats } from "../components/seats";
import { EmptyState, ErrorState, Loading } from "../components/states";
import { useI18n } from "../i18n";
import { useMedia } from "../lib/media";
import { usePage, useTitle } from "../lib/page";
import { useVisibleHeight } from "../lib/visible-height";
import { RoomSidebar } from "../room/sidebar";
import { RoomView } from "../room/room-view";
import { useRoom, type RoomState } from "../room/use-room";
import { useSigned } from "../session/context";
import type { Room } from "../api/types";
import s from "./room.module.css";

export function RoomPage({ roomId }: { roomId: string }) {
  const { state, reload, put } = useRoom(roomId);
  const wide = useMedia("(min-width: 68rem)");
  useVisibleHeight();
  return (
    <div className={s.page}>
      {wide && <RoomSidebar current={roomId} room={state.status === "ready" ? state.room : undefined} />}
      {state.status !== "ready" ? (
        <Absent state={state} reload={reload} />
      ) : state.room.joined ? (
        <RoomView key={roomId} room={state.room} reload={reload} onLeft={() => put({ ...state.room, joined: false })} />
      ) : (
        <Gate key={roomId} room={state.room} onJoined={put} onProblem={reload} />
      )}
    </div>
  );
}

/** What is seen while there is no room; on a phone the way back is here, as the navigation is hidden. */
function Absent({ state, reload }: { state: Exclude<RoomState, { status: "ready" }>; reload(): void }) {
  const { t, explain } = useI18n();
  const gone = state.status === "failed" && state.gone;
  useTitle(state.status === "loading" ? t("app.loading") : gone ? t("chat.gone") : t("chat.loadFailed"));
  const back = (
    <ButtonLink to="/" look={gone ? "primary" : "quiet"}>
      {t("chat.back")}
    </ButtonLink>
  );
  if (state.status === "loading") {
    return (
      <div className={s.absent}>
        <Loading />
        {back}
      </div>
    );
  }
  if (gone) {
    return (
      <EmptyState title={t("chat.gone")} text={t("chat.gone.text")}>
        {back}
      </EmptyState>
    );
  }
  return (
    <ErrorState title={t("chat.loadFailed")} text={explain(state.error)} onRetry={reload}>
      {back}
    </ErrorState>
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
