import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { authorized, type AuthorizedClient } from "../api/client";
import type { User } from "../api/types";
import { useStore } from "../lib/store";
import { Connection } from "../stomp/connection";
import { Outbox } from "../stomp/outbox";
import type { Session, SessionState } from "./session";

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession outside of SessionProvider");
  return session;
}

export function useSessionState(): SessionState {
  return useStore(useSession().state);
}

/** What pages behind the login work with; all of it belongs to one user and goes when they do. */
export interface Signed {
  user: User;
  api: AuthorizedClient;
  connection: Connection;
  outbox: Outbox;
}

const SignedContext = createContext<Signed | null>(null);

/** Give it the user's id as its key: nothing of one user may reach the next. */
export function SignedProvider({ user, children }: { user: User; children: ReactNode }) {
  const session = useSession();
  const [signed] = useState<Signed>(() => {
    const connection = new Connection({
      url: `${location.origin.replace(/^http/, "ws")}/ws`,
      token: () => session.token(),
      renew: (stale) => session.renew(stale),
    });
    const outbox = new Outbox(user.userId, (roomId, content, key) => connection.send(roomId, content, key));
    return { user, api: authorized(session), connection, outbox };
  });

  useEffect(() => {
    const { connection, outbox } = signed;
    const retry = () => connection.retryNow();
    const lost = () => connection.networkLost();
    const seen = () => document.visibilityState === "visible" && retry();
    const stopListening = [
      session.onRenewed((token) => connection.renewed(token)),
      connection.state.subscribe(() => outbox.connected(connection.state.get().phase === "online")),
    ];
    window.addEventListener("online", retry);
    window.addEventListener("offline", lost);
    document.addEventListener("visibilitychange", seen);
    connection.start();
    return () => {
      window.removeEventListener("online", retry);
      window.removeEventListener("offline", lost);
      document.removeEventListener("visibilitychange", seen);
      for (const stop of stopListening) stop();
      connection.stop();
      outbox.connected(false);
    };
  }, [session, signed]);

  return <SignedContext value={signed}>{children}</SignedContext>;
}

export function useSigned(): Signed {
  const signed = useContext(SignedContext);
  if (!signed) throw new Error("useSigned outside of SignedProvider");
  return signed;
}
