import { useEffect, useRef } from "react";
import { chat } from "../api/calls";
import type { Room } from "../api/types";
import { Seats } from "../components/seats";
import { useI18n } from "../i18n";
import { hueOf } from "../lib/identity";
import { usePages } from "../lib/pages";
import { Link } from "../lib/router";
import { useSigned } from "../session/context";
import s from "./sidebar.module.css";

interface Props {
  current: string;
  /** What is known of the current room, which is newer than the list; nothing until it is loaded. */
  room: Room | undefined;
}

/** One's rooms beside the conversation. */
export function RoomSidebar({ current, room: open }: Props) {
  const { t, number } = useI18n();
  const { api } = useSigned();
  const rooms = usePages<Room>((cursor, signal) => chat.myRooms(api, { cursor, signal, limit: 100 }), "mine");
  const { items, status, reload } = rooms;

  // Joined or left since the list was loaded. Asked once for each: the list may be too long to have the room on its first page.
  const differs = open && open.joined !== items.some(({ id }) => id === open.id) ? `${open.id} ${open.joined}` : "";
  const asked = useRef("");
  useEffect(() => {
    if (status === "loading" || asked.current === differs) return;
    asked.current = differs;
    if (differs) reload();
  }, [differs, status, reload]);

  return (
    <nav className={s.sidebar} aria-label={t("chat.rooms")} data-testid="sidebar">
      <h2 className={s.title}>{t("chat.rooms")}</h2>
      <ul className={s.list}>
        {items.map((listed) => (listed.id === open?.id ? open : listed)).map((room) => (
          <li key={room.id}>
            <Link
              to={`/rooms/${room.id}`}
              className={s.room}
              aria-current={room.id === current ? "page" : undefined}
              style={{ "--hue": hueOf(room.id) } as React.CSSProperties}
            >
              <Seats taken={room.personnel} seats={room.maxPersonnel} className={s.seats} />
              <span className={s.name}>{room.title}</span>
              <span className={s.count}>{number(room.personnel)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
