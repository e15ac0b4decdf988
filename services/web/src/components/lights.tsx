import type { JSX } from "react";
import type { Saga, ServiceStatus } from "../api/types";
import { useI18n } from "../i18n";
import { CheckIcon, ClockIcon, CloseIcon, DashIcon, DotsIcon, TwinIcon, UndoIcon } from "./icons";
import s from "./lights.module.css";

type Light = ServiceStatus | "idle";

const always = ["auth", "chat", "customer"];

// Each state has a sign of its own: the colour alone would not reach everybody.
const signs: Record<Light, (props: { className?: string }) => JSX.Element> = {
  idle: DashIcon,
  pending: DotsIcon,
  success: CheckIcon,
  duplicate: TwinIcon,
  failed: CloseIcon,
  timeout: ClockIcon,
  skipped: DashIcon,
  undone: UndoIcon,
};

/** What a service that takes part in a saga is called. */
export function useServiceName(): (service: string) => string {
  const { t } = useI18n();
  return (service) => (named(service) ? t(`light.${service}`) : service);
}

function named(service: string): service is "auth" | "chat" | "customer" | "user" {
  return always.includes(service) || service === "user";
}

/** One light per service that takes part in a saga. */
export function Lights({ saga, label }: { saga: Saga | undefined; label: string }) {
  const { t } = useI18n();
  const nameOf = useServiceName();
  const names = [...always, ...Object.keys(saga?.services ?? {}).filter((name) => !always.includes(name)).sort()];
  return (
    <ol className={s.lights} aria-label={label} aria-live="polite" data-testid="lights" data-status={saga?.status ?? "idle"}>
      {names.map((name) => {
        // Before the first event, and for a light whose service takes no part, there is nothing to tell.
        const status: Light = saga?.services[name] ?? "idle";
        const Sign = signs[status] ?? DashIcon;
        return (
          <li key={name} className={s.light} data-testid={`light-${name}`} data-status={status}>
            <span className={s.lamp}>
              <Sign />
            </span>
            <span className={s.name}>{nameOf(name)}</span>
            <span className={s.status}>{t(`light.status.${status}`)}</span>
          </li>
        );
      })}
    </ol>
  );
}
