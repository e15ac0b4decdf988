import { useI18n } from "../i18n";
import { useStore } from "../lib/store";
import { useSigned } from "../session/context";
import type { Outgoing } from "../stomp/outbox";
import { Content } from "./message-row";
import s from "./message-row.module.css";

/** One's own message that is not in the log yet. */
export function OutgoingRow({ entry }: { entry: Outgoing }) {
  const { t, time, explain } = useI18n();
  const { connection, outbox } = useSigned();
  const { phase } = useStore(connection.state);
  const status = entry.state === "pending" ? (phase === "online" ? t("chat.sending") : t("chat.queued")) : "";
  return (
    <li className={s.row} data-testid="outgoing" data-key={entry.key} data-state={entry.state} data-own="true" data-first="true">
      <div className={s.line}>
        <p className={s.bubble}>
          <Content text={entry.content} />
        </p>
        <span className={s.time}>{status || time(entry.createdAt)}</span>
      </div>
      {entry.state === "failed" && (
        <div className={s.failure} role="alert">
          <span>{t("chat.failed", { why: explain(entry.code ?? "unknown") })}</span>
          <button type="button" onClick={() => outbox.retry(entry.key)} data-testid="outgoing-retry">
            {t("chat.failed.retry")}
          </button>
          <button type="button" onClick={() => outbox.discard(entry.key)} data-testid="outgoing-discard">
            {t("chat.failed.discard")}
          </button>
        </div>
      )}
    </li>
  );
}
