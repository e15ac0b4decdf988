import { Component, type ReactNode } from "react";
import { useI18n } from "../i18n";
import { Button } from "./button";
import { ErrorState } from "./states";

/** What is seen in place of a blank page when drawing it throws. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const { t } = useI18n();
  return (
    <main className="page-center">
      <ErrorState title={t("app.broken")} text={t("app.broken.text")} onRetry={() => location.reload()}>
        {/* A fresh start also of what is in memory: no link within the page. */}
        <Button onClick={() => location.assign("/")}>{t("notFound.home")}</Button>
      </ErrorState>
    </main>
  );
}
