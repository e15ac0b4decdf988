// What the services' HTTP answers look like, by the contracts. `npm run api` generates the same from their OpenAPI descriptions.

export interface FieldError {
  field: string;
  message: string;
  value?: unknown;
}

/** Problem details (RFC 9457); `code` is the stable part. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail?: string;
  errors?: FieldError[];
  requestId?: string;
}

/** One page of a list; without `nextCursor` it is the last one. */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}

export interface User {
  userId: string;
  userName: string;
  roles: string[];
}

export interface SessionGrant {
  accessToken: string;
  /** Seconds the access token is good for. */
  expiresIn: number;
  user: User;
}

export interface OwnSession {
  id: string;
  createdAt: string;
  lastUsedAt: string;
  userAgent: string;
  address: string;
  current: boolean;
}

export interface Me extends User {
  createdAt: string;
}

export type SagaStatus = "pending" | "complete" | "partial" | "failed";
export type ServiceStatus = "pending" | "success" | "duplicate" | "failed" | "timeout" | "skipped" | "undone";

/** The record of a signup or of an account's deletion, as each event of its stream carries it. */
export interface Saga {
  id: string;
  kind: string;
  userId: string;
  userName: string;
  status: SagaStatus;
  version: number;
  deadline: string;
  services: Record<string, ServiceStatus>;
}

export interface Profile {
  userId: string;
  name: string;
  imageUrl: string;
  locale: string;
  statusMessage: string;
  updatedAt: string;
}

export type ProfileChange = Partial<Pick<Profile, "name" | "imageUrl" | "locale" | "statusMessage">>;

export interface Room {
  id: string;
  title: string;
  host: { userId: string; userName: string };
  personnel: number;
  maxPersonnel: number;
  joined: boolean;
  createdAt: string;
}

export interface Member {
  userId: string;
  userName: string;
  host: boolean;
  joinedAt: string;
}

export type MessageType = "MESSAGE" | "ENTER" | "LEAVE";

export interface Message {
  roomId: string;
  /** Counts from 1 in each room, without a gap. */
  seq: number;
  type: MessageType;
  senderId: string;
  senderName: string;
  content: string;
  /** The idempotency key its sender gave. */
  key: string;
  sentAt: string;
}

export interface MessagePage {
  items: Message[];
  /** The room's last sequence number. */
  head: number;
}
