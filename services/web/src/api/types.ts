// Names for what the services' HTTP answers look like. The shapes come from the services' OpenAPI descriptions (`npm run api`).
import type { components as Auth } from "./generated/auth";
import type { components as Chat } from "./generated/chat";
import type { components as Log } from "./generated/message";
import type { components as People } from "./generated/user";

export type FieldError = Chat["schemas"]["FieldError"];

/** Problem details (RFC 9457); `code` is the stable part. */
export type Problem = Pick<Chat["schemas"]["Error"], "title" | "status" | "code"> &
  Partial<Pick<Chat["schemas"]["Error"], "detail" | "requestId">> & { errors?: FieldError[] };

/** One page of a list; without `nextCursor` it is the last one. */
export interface Page<T> {
  items: T[];
  nextCursor?: string;
}

export type User = Auth["schemas"]["UserInfo"];
export type SessionGrant = Auth["schemas"]["GrantBody"];
export type OwnSession = Auth["schemas"]["Session"];
export type Me = Auth["schemas"]["Account"];

/** The record of a signup or of an account's deletion, as each event of its stream carries it. */
export type Saga = Omit<Auth["schemas"]["Record"], "services"> & { services: Record<string, ServiceStatus> };
export type SagaStatus = Saga["status"];
export type ServiceStatus = "pending" | "success" | "duplicate" | "failed" | "timeout" | "skipped" | "undone";

export type Profile = People["schemas"]["Profile"];
export type ProfileChange = People["schemas"]["Change"];

export type Room = Chat["schemas"]["Room"];
export type Member = Chat["schemas"]["Member"];

export type Message = Log["schemas"]["Message"];
export type MessageType = Message["type"];
export type MessagePage = Log["schemas"]["History"];
