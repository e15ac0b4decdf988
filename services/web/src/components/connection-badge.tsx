import { useI18n } from "../i18n";
import { useStore } from "../lib/store";
import { useSigned } from "../session/context";
import s from "./connection-badge.module.css";

/** How the live connection is doing, in a word and a dot. */
export function ConnectionBadge() {
  const { t } = useI18n();
  const { connection } = useSigned();
  const { phase } = useStore(connection.state);
  const shown = phase === "idle" ? "connecting" : phase;
  const broken = phase === "waiting" || phase === "offline";
  return (
    <div className={s.badge} data-testid="connection" data-state={shown}>
      <span className={s.state} role="status" title={t(`connection.${shown}`)}>
        <span className={s.dot} aria-hidden="true" />
        <span className={s.text}>{t(`connection.${shown}`)}</span>
      </span>
      {broken && (
        <button type="button" className={s.retry} data-testid="connection-retry" onClick={() => connection.retryNow()}>
          {t("connection.retry")}
        </button>
      )}
    </div>
  );
}
