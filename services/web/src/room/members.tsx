import type { Member } from "../api/types";
import { Avatar } from "../components/avatar";
import { Button, IconButton } from "../components/button";
import { Dialog } from "../components/dialog";
import { CloseIcon } from "../components/icons";
import { Skeleton } from "../components/states";
import { useI18n } from "../i18n";
import { useSigned } from "../session/context";
import { useProfile } from "../session/profiles";
import s from "./members.module.css";

interface Props {
  members: { items: Member[]; cursor: string | undefined; failed: boolean; loaded: boolean };
  count: number;
  wide: boolean;
  onMore(): void;
  onRetry(): void;
  onClose(): void;
}

/** Beside the conversation where there is room for both, over it on a smaller screen. */
export function MembersPanel({ members, count, wide, onMore, onRetry, onClose }: Props) {
  const { t, number } = useI18n();
  const shownCount = members.loaded && !members.cursor ? members.items.length : count;
  const title = t("chat.members.count", { n: number(shownCount) });
  const list = <MemberList members={members} onMore={onMore} onRetry={onRetry} />;
  if (!wide) {
    return (
      <Dialog title={title} onClose={onClose} side testId="members">
        {list}
      </Dialog>
    );
  }
  return (
    <aside
      className={s.panel}
      aria-label={t("chat.members")}
      data-testid="members"
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header className={s.header}>
        <h2>{title}</h2>
        <IconButton label={t("chat.members.hide")} onClick={onClose}>
          <CloseIcon />
        </IconButton>
      </header>
      {list}
    </aside>
  );
}

function MemberList({ members, onMore, onRetry }: Pick<Props, "members" | "onMore" | "onRetry">) {
  const { t } = useI18n();
  return (
    <>
      {members.failed && (
        <div className={s.problem}>
          <p>{t("chat.members.failed")}</p>
          <Button onClick={onRetry}>{t("app.retry")}</Button>
        </div>
      )}
      <ul className={s.list}>
        {!members.loaded &&
          !members.failed &&
          Array.from({ length: 4 }, (_, i) => (
            <li key={i} className={s.member}>
              <Skeleton className={s.skeleton} />
            </li>
          ))}
        {members.items.map((member) => (
          <MemberRow key={member.userId} member={member} />
        ))}
      </ul>
      {members.cursor && (
        <Button look="ghost" onClick={onMore}>
          {t("app.more")}
        </Button>
      )}
    </>
  );
}

function MemberRow({ member }: { member: Member }) {
  const { t } = useI18n();
  const { user } = useSigned();
  const profile = useProfile(member.userId);
  const name = profile?.name || member.userName;
  return (
    <li className={s.member} data-testid="member" data-user-id={member.userId} data-host={member.host}>
      <Avatar id={member.userId} name={name} imageUrl={profile?.imageUrl} />
      <div className={s.who}>
        <p className={s.name}>
          <span className={s.nameText}>{name}</span>
          {member.userId === user.userId && <span className={s.tag}>{t("chat.members.me")}</span>}
          {member.host && (
            <span className={s.tag} data-host>
              {t("chat.members.host")}
            </span>
          )}
        </p>
        <p className={s.note}>{profile?.statusMessage || `@${member.userId}`}</p>
      </div>
    </li>
  );
}
