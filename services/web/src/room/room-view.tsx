import { useEffect, useRef, useState } from "react";
import { chat } from "../api/calls";
import type { Room } from "../api/types";
import { Button, IconButton } from "../components/button";
import { Dialog, DialogActions } from "../components/dialog";
import { Notice } from "../components/field";
import { BackIcon, DoorIcon, PeopleIcon } from "../components/icons";
import { useI18n } from "../i18n";
import { hasMouse, useMedia } from "../lib/media";
import { usePage } from "../lib/page";
import { Link, navigate } from "../lib/router";
import { useStore } from "../lib/store";
import { useSigned } from "../session/context";
import { Composer } from "./composer";
import { CopyLink } from "./copy-link";
import { MembersPanel } from "./members";
import { Talk } from "./talk";
import { useMembers, useSoon } from "./use-room";
import s from "./room-view.module.css";

interface Props {
  room: Room;
  reload(): void;
  onLeft(): void;
}

/** A room one is a member of. */
export function RoomView({ room, reload, onLeft }: Props) {
  const { t, number } = useI18n();
  const { connection } = useSigned();
  const { phase } = useStore(connection.state);
  const wide = useMedia("(min-width: 60rem)");
  // What stands beside the conversation must not suddenly cover it: at another width it begins anew.
  const [panelAt, setPanelAt] = useState({ wide, open: wide });
  const panel = panelAt.wide === wide ? panelAt.open : wide;
  const toggle = useRef<HTMLButtonElement>(null);
  const [leaving, setLeaving] = useState(false);
  const { members, refresh, more } = useMembers(room.id);
  const heading = usePage(room.title, { focus: !hasMouse() });

  const refreshSoon = useSoon(
    () => {
      reload();
      refresh();
    },
    () => (room.personnel > 50 ? 2_000 + Math.random() * 4_000 : 200),
  );

  // Who came or went while the connection was away is not told again.
  const online = phase === "online";
  const wasAway = useRef(false);
  useEffect(() => {
    if (online && wasAway.current) refreshSoon();
    if (!online) wasAway.current = true;
  }, [online, refreshSoon]);

  return (
    <div className={s.room} data-testid="room" data-room-id={room.id}>
      <section className={s.talk} aria-label={room.title}>
        <header className={s.header}>
          <Link to="/" className={s.back} aria-label={t("chat.back")} title={t("chat.back")} data-testid="back-to-lobby">
            <BackIcon />
            <span className={s.backText}>{t("chat.back")}</span>
          </Link>
          <div className={s.what}>
            <h1 {...heading}>{room.title}</h1>
            <p className={s.facts} data-testid="room-facts">
              <span className={s.dot} data-state={phase} aria-hidden="true" />
              {t("room.host", { name: room.host.userName })} ·{" "}
              {t("room.personnel", { n: number(room.personnel), max: number(room.maxPersonnel) })}
            </p>
          </div>
          <CopyLink />
          <IconButton
            ref={toggle}
            label={panel ? t("chat.members.hide") : t("chat.members.show")}
            aria-expanded={panel}
            onClick={() => setPanelAt({ wide, open: !panel })}
            data-testid="members-toggle"
          >
            <PeopleIcon />
          </IconButton>
          <Button look="ghost" onClick={() => setLeaving(true)} aria-label={t("chat.leave")} data-testid="leave-room">
            <DoorIcon />
            <span className={s.leaveText}>{t("chat.leave")}</span>
          </Button>
        </header>

        <Talk roomId={room.id} onChange={refreshSoon} reload={reload} />
        {(phase === "waiting" || phase === "offline") && (
          <div className={s.banner} data-testid="offline-banner">
            <p role="status">{t("connection.banner.offline")}</p>
            <button type="button" onClick={() => connection.retryNow()}>
              {t("connection.retry")}
            </button>
          </div>
        )}
        <Composer roomId={room.id} />
      </section>

      {panel && (
        <MembersPanel
          members={members}
          count={room.personnel}
          wide={wide}
          onMore={more}
          onRetry={refresh}
          onClose={() => {
            setPanelAt({ wide, open: false });
            toggle.current?.focus();
          }}
        />
      )}
      {leaving && <LeaveDialog room={room} onClose={() => setLeaving(false)} onLeft={onLeft} />}
    </div>
  );
}

function LeaveDialog({ room, onClose, onLeft }: { room: Room; onClose(): void; onLeft(): void }) {
  const { t, explain } = useI18n();
  const { api } = useSigned();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();

  async function leave() {
    setBusy(true);
    try {
      await chat.leave(api, room.id);
      onLeft();
      navigate("/", { replace: true });
    } catch (error) {
      setBusy(false);
      setProblem(error);
    }
  }

  return (
    <Dialog title={t("chat.leave.title")} onClose={onClose} testId="leave-dialog">
      {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
      <p>{t("chat.leave.text")}</p>
      <DialogActions>
        <Button look="ghost" onClick={onClose}>
          {t("app.cancel")}
        </Button>
        <Button look="danger" busy={busy} onClick={() => void leave()} data-testid="leave-confirm">
          {t("chat.leave.confirm")}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
