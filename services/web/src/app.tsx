import { useEffect } from "react";
import { ErrorState, Loading } from "./components/states";
import { Shell } from "./components/shell";
import { useI18n } from "./i18n";
import { match, navigate, safeNext, usePath, useSearch } from "./lib/router";
import { Lobby } from "./pages/lobby";
import { LogIn } from "./pages/login";
import { NotFound } from "./pages/not-found";
import { ProfilePage } from "./pages/profile";
import { RoomPage } from "./pages/room";
import { SignUp } from "./pages/signup";
import { SignedProvider, useSession, useSessionState } from "./session/context";

export function App() {
  const state = useSessionState();
  const path = usePath();
  if (state.status === "unknown") return <Loading />;
  if (state.status === "unreachable") return <Unreachable />;
  if (path === "/login" || path === "/signup") {
    if (state.status === "authenticated") return <Onwards />;
    return path === "/login" ? <LogIn /> : <SignUp />;
  }
  const page = pageAt(path);
  if (!page) return <NotFound />;
  if (state.status === "anonymous") return <ToLogIn />;
  return (
    <SignedProvider key={state.user.userId} user={state.user}>
      <Shell>{page}</Shell>
    </SignedProvider>
  );
}

function pageAt(path: string) {
  if (path === "/") return <Lobby key="all" view="all" />;
  if (path === "/mine") return <Lobby key="mine" view="mine" />;
  if (path === "/profile") return <ProfilePage />;
  const room = match("/rooms/:id", path);
  return room ? <RoomPage roomId={room.id!} /> : null;
}

/** Somebody logged in has nothing to do at the entrance: on to where they wanted to go. */
function Onwards() {
  const next = safeNext(useSearch());
  useEffect(() => navigate(next, { replace: true }), [next]);
  return null;
}

function ToLogIn() {
  const path = usePath();
  useEffect(() => {
    const next = path === "/" ? "" : `?${new URLSearchParams({ next: path })}`;
    navigate(`/login${next}`, { replace: true });
  }, [path]);
  return null;
}

function Unreachable() {
  const { t } = useI18n();
  const session = useSession();
  useEffect(() => {
    const retry = () => void session.restore();
    const timer = setInterval(retry, 5_000);
    window.addEventListener("online", retry);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", retry);
    };
  }, [session]);
  return (
    <main className="page-center">
      <ErrorState title={t("app.unreachable")} text={t("app.unreachable.text")} onRetry={() => void session.restore()} />
    </main>
  );
}
