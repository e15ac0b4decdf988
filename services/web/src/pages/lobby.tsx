import { useEffect, useState } from "react";
import { chat } from "../api/calls";
import type { Room } from "../api/types";
import { Button, ButtonLink, IconButton } from "../components/button";
import { CloseIcon, PlusIcon, RefreshIcon, SearchIcon } from "../components/icons";
import { EmptyState, ErrorState } from "../components/states";
import { useI18n } from "../i18n";
import { useLatest } from "../lib/latest";
import { usePage } from "../lib/page";
import { usePages, useSight } from "../lib/pages";
import { navigate } from "../lib/router";
import { useSettled } from "../lib/settled";
import { useVisible } from "../lib/visible";
import { CreateRoom } from "../room/create-room";
import { RoomCard, RoomCardSkeleton } from "../room/room-card";
import { useSigned } from "../session/context";
import s from "./lobby.module.css";

/** All rooms, newest first, or those one is a member of. */
export function Lobby({ view }: { view: "all" | "mine" }) {
  const { t, number, explain } = useI18n();
  const { api } = useSigned();
  const [typed, setTyped] = useState("");
  const [creating, setCreating] = useState(false);
  const title = useSettled(typed.trim());
  const heading = usePage(view === "all" ? t("lobby.title") : t("lobby.mine"));

  const rooms = usePages<Room>(
    (cursor, signal) =>
      view === "mine" ? chat.myRooms(api, { cursor, signal }) : chat.rooms(api, { title, cursor, signal, limit: 24 }),
    `${view} ${title}`,
  );
  const searched = title !== "" && (rooms.status === "ready" || rooms.status === "end");
  const end = useSight(rooms.more, rooms.status === "ready");

  // Who comes back to the page sees who sits where now.
  const visible = useVisible();
  const refresh = useLatest(rooms.refresh);
  useEffect(() => {
    if (visible) void refresh.current();
  }, [visible, refresh]);

  async function enter(room: Room) {
    try {
      if (!room.joined) await chat.join(api, room.id);
    } catch (error) {
      // What made it fail (the last seat was taken, say) is not on the card yet.
      void chat.room(api, room.id).then((now) => rooms.change(room.id, now), () => undefined);
      throw error;
    }
    navigate(`/rooms/${room.id}`);
  }

  return (
    <div className={s.page}>
      <header className={s.head}>
        <div>
          <h1 className={s.title} {...heading}>
            {view === "all" ? t("lobby.title") : t("lobby.mine")}
          </h1>
          <p className={s.lead}>{view === "all" ? t("lobby.lead") : t("lobby.mine.lead")}</p>
        </div>
        <div className={s.actions}>
          <IconButton label={t("lobby.refresh")} onClick={rooms.reload} data-testid="lobby-refresh">
            <RefreshIcon />
          </IconButton>
          <Button look="primary" onClick={() => setCreating(true)} data-testid="create-room">
            <PlusIcon />
            {t("lobby.create")}
          </Button>
        </div>
      </header>

      {view === "all" && (
        <search className={s.search}>
          <SearchIcon />
          <input
            type="search"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            placeholder={t("lobby.search")}
            aria-label={t("lobby.search")}
            maxLength={60}
            data-testid="room-search"
          />
          {typed && (
            <IconButton label={t("lobby.search.clear")} onClick={() => setTyped("")}>
              <CloseIcon />
            </IconButton>
          )}
        </search>
      )}

      <p className="sr-only" role="status" data-testid="rooms-found">
        {searched && t(rooms.status === "end" ? "lobby.found" : "lobby.found.more", { n: number(rooms.items.length) })}
      </p>

      {rooms.items.length > 0 && (
        <ul className={s.grid} data-testid="room-list" aria-busy={rooms.status === "loading"}>
          {rooms.items.map((room) => (
            <RoomCard key={room.id} room={room} onEnter={() => enter(room)} />
          ))}
        </ul>
      )}
      {rooms.status === "loading" && rooms.items.length === 0 && (
        <ul className={s.grid} aria-label={t("app.loading")} aria-busy="true">
          {Array.from({ length: 6 }, (_, i) => (
            <RoomCardSkeleton key={i} />
          ))}
        </ul>
      )}
      {rooms.status === "failed" && (
        <ErrorState title={t("lobby.failed")} text={explain(rooms.error)} onRetry={rooms.retry} />
      )}
      {rooms.status === "end" && rooms.items.length === 0 && (
        <Nothing view={view} title={title} onCreate={() => setCreating(true)} />
      )}
      <div ref={end} className={s.end}>
        {rooms.status === "end" && rooms.items.length > 8 && t("lobby.end")}
      </div>

      {creating && (
        <CreateRoom
          initialTitle={rooms.items.length === 0 ? title : ""}
          onClose={() => setCreating(false)}
          onCreated={(room) => navigate(`/rooms/${room.id}`)}
        />
      )}
    </div>
  );
}

function Nothing({ view, title, onCreate }: { view: "all" | "mine"; title: string; onCreate(): void }) {
  const { t } = useI18n();
  if (view === "mine") {
    return (
      <EmptyState title={t("lobby.empty.mine")} text={t("lobby.empty.mine.text")}>
        <ButtonLink to="/">{t("lobby.toLobby")}</ButtonLink>
      </EmptyState>
    );
  }
  const text = title ? t("lobby.empty.search.text") : t("lobby.empty.text");
  return (
    <EmptyState title={title ? t("lobby.empty.search", { query: title }) : t("lobby.empty")} text={text}>
      <Button onClick={onCreate}>
        <PlusIcon />
        {t("lobby.create")}
      </Button>
    </EmptyState>
  );
}
