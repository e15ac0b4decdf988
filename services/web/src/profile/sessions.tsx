import { useCallback, useEffect, useState } from "react";
import { auth } from "../api/calls";
import type { OwnSession } from "../api/types";
import { Button } from "../components/button";
import { Notice } from "../components/field";
import { Skeleton } from "../components/states";
import { useI18n } from "../i18n";
import { deviceOf } from "../lib/device";
import { useSigned } from "../session/context";
import { Section } from "./section";
import s from "./sections.module.css";

/** Where one is logged in, and a way to end what one does not know. */
export function Sessions() {
  const { t, ago, explain } = useI18n();
  const { api } = useSigned();
  const [sessions, setSessions] = useState<OwnSession[]>();
  const [problem, setProblem] = useState<unknown>();

  const load = useCallback(async () => {
    setProblem(undefined);
    try {
      setSessions((await auth.sessions(api)).items);
    } catch (error) {
      setProblem(error);
    }
  }, [api]);

  useEffect(() => {
    void load();
  }, [load]);

  async function end(id: string) {
    try {
      await auth.endSession(api, id);
      setSessions((before) => before?.filter((session) => session.id !== id));
    } catch (error) {
      setProblem(error);
    }
  }

  return (
    <Section title={t("profile.sessions")} text={t("profile.sessions.text")}>
      {problem !== undefined && (
        <Notice kind="error">
          {t("profile.sessions.failed")}. {explain(problem)}
        </Notice>
      )}
      {!sessions && problem === undefined && <Skeleton className={s.skeleton} />}
      {!sessions && problem !== undefined && <Button onClick={() => void load()}>{t("app.retry")}</Button>}
      <ul className={s.list} data-testid="sessions">
        {sessions?.map((session) => {
          const device = deviceOf(session.userAgent) || t("profile.sessions.unknown");
          return (
            <li key={session.id} className={s.session} data-testid="session" data-current={session.current}>
              <div className={s.device}>
                <p>
                  <strong>{device}</strong>
                  {session.current && <span className={s.current}>{t("profile.sessions.current")}</span>}
                </p>
                <p>
                  {session.address} · {t("profile.sessions.last", { when: ago(session.lastUsedAt) })}
                </p>
              </div>
              {!session.current && (
                <Button
                  onClick={() => void end(session.id)}
                  aria-label={t("profile.sessions.revoke.label", { device })}
                  data-testid="session-revoke"
                >
                  {t("profile.sessions.revoke")}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
