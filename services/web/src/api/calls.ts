import type { AuthorizedClient } from "./client";
import { send } from "./client";
import type { Me, Member, MessagePage, OwnSession, Page, Profile, ProfileChange, Room } from "./types";

// Every call the client makes, by the service that answers it. Those without a client need no session.

const path = encodeURIComponent;

export const signUp = (input: { userId: string; userName: string; password: string }, key: string) =>
  send("/api/auth/users", {
    method: "POST",
    body: input,
    headers: { Accept: "text/event-stream", "Idempotency-Key": key },
    stream: true,
  });

export const auth = {
  me: (api: AuthorizedClient) => api.request<Me>("/api/auth/me"),
  sessions: (api: AuthorizedClient) => api.request<Page<OwnSession>>("/api/auth/sessions"),
  endSession: (api: AuthorizedClient, id: string) =>
    api.request<void>(`/api/auth/sessions/${path(id)}`, { method: "DELETE" }),
  endAllSessions: (api: AuthorizedClient) => api.request<void>("/api/auth/sessions", { method: "DELETE" }),
  changePassword: (api: AuthorizedClient, currentPassword: string, newPassword: string) =>
    api.request<void>("/api/auth/me/password", { method: "PUT", body: { currentPassword, newPassword } }),
  deleteAccount: (api: AuthorizedClient, password: string) =>
    api.raw("/api/auth/me", { method: "DELETE", body: { password }, headers: { Accept: "text/event-stream" }, stream: true }),
};

export const user = {
  me: (api: AuthorizedClient) => api.request<Profile>("/api/user/me"),
  change: (api: AuthorizedClient, change: ProfileChange) =>
    api.request<Profile>("/api/user/me", { method: "PATCH", body: change }),
  profile: (api: AuthorizedClient, userId: string) => api.request<Profile>(`/api/user/profiles/${path(userId)}`),
};

export interface RoomQuery {
  title?: string;
  cursor?: string | undefined;
  limit?: number;
  signal?: AbortSignal;
}

export const chat = {
  rooms: (api: AuthorizedClient, { title, cursor, limit, signal }: RoomQuery) =>
    api.request<Page<Room>>("/api/chat/rooms", { query: { title, cursor, limit }, signal }),
  myRooms: (api: AuthorizedClient, { cursor, limit, signal }: RoomQuery) =>
    api.request<Page<Room>>("/api/chat/rooms/mine", { query: { cursor, limit }, signal }),
  room: (api: AuthorizedClient, id: string) => api.request<Room>(`/api/chat/rooms/${path(id)}`),
  create: (api: AuthorizedClient, input: { title: string; maxPersonnel: number }, key: string) =>
    api.request<Room>("/api/chat/rooms", { method: "POST", body: input, headers: { "Idempotency-Key": key } }),
  join: (api: AuthorizedClient, id: string) =>
    api.request<{ room: Room; entered: boolean }>(`/api/chat/rooms/${path(id)}/members/me`, { method: "PUT" }),
  leave: (api: AuthorizedClient, id: string) =>
    api.request<void>(`/api/chat/rooms/${path(id)}/members/me`, { method: "DELETE" }),
  members: (api: AuthorizedClient, id: string, cursor?: string) =>
    api.request<Page<Member>>(`/api/chat/rooms/${path(id)}/members`, { query: { cursor, limit: 100 } }),
};

export const message = {
  history: (api: AuthorizedClient, roomId: string, query: { before?: number; after?: number; limit?: number }) =>
    api.request<MessagePage>(`/api/message/rooms/${path(roomId)}/messages`, { query }),
};
