import "./styles/tokens.css";
import "./styles/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { ErrorBoundary } from "./components/error-boundary";
import { I18nProvider } from "./i18n";
import { Session } from "./session/session";
import { SessionProvider } from "./session/context";

const session = new Session();
void session.restore();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <I18nProvider>
      <ErrorBoundary>
        <SessionProvider session={session}>
          <App />
        </SessionProvider>
      </ErrorBoundary>
    </I18nProvider>
  </StrictMode>,
);
