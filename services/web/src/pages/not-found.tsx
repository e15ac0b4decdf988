import { ButtonLink } from "../components/button";
import { Seats } from "../components/seats";
import { useI18n } from "../i18n";
import { usePage } from "../lib/page";
import s from "../components/states.module.css";

export function NotFound() {
  const { t } = useI18n();
  const heading = usePage(t("notFound.title"));
  return (
    <main className="page-center" data-testid="not-found">
      <div className={s.state}>
        <Seats taken={1} seats={12} className={s.figure} />
        <h1 className={s.title} {...heading}>
          {t("notFound.title")}
        </h1>
        <p className={s.text}>{t("notFound.text")}</p>
        <div className={s.actions}>
          <ButtonLink to="/" look="primary">
            {t("notFound.home")}
          </ButtonLink>
        </div>
      </div>
    </main>
  );
}
