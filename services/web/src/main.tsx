import "./styles/tokens.css";
import "./styles/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { I18nProvider } from "./i18n";
import { Session } from "./session/session";
import { SessionProvider } from "./session/context";

const session = new Session();
void session.restore();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <I18nProvider>
      <SessionProvider session={session}>
        <App />
      </SessionProvider>
    </I18nProvider>
  </StrictMode>,
);
