import { NetworkError, ProblemError, problemFrom } from "./problem";

export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal | undefined;
  /** Lets the request live on when the page goes away under it. */
  keepalive?: boolean;
  /** The answer is a stream: only its beginning has a time limit. */
  stream?: boolean;
  /** Milliseconds until no answer counts as none; 15 s unless told. */
  within?: number;
}

const answerWithin = 15_000;

/** Where the access token comes from: the session, which alone knows it. */
export interface TokenSource {
  /** The current token, renewed first when it is about to end. */
  token(): Promise<string>;
  /** A new token in place of `stale`; rejects when the session has ended. */
  renew(stale: string): Promise<string>;
}

/** One request; answers the response when it succeeded, throws ProblemError or NetworkError otherwise. */
export async function send(path: string, options: RequestOptions = {}, token?: string): Promise<Response> {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin" };
  if (options.keepalive) init.keepalive = true;
  if (options.body !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(options.body);
  }
  const limit = limited(options);
  init.signal = limit.signal;
  let response: Response;
  try {
    response = await fetch(path + queryString(options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new NetworkError(error);
  }
  if (options.stream) limit.lift();
  if (!response.ok) throw await problemFrom(response);
  return response;
}

/** A signal that aborts with the caller's, and when time is up unless that is lifted before. */
function limited({ signal, within = answerWithin }: RequestOptions): { signal: AbortSignal; lift(): void } {
  const both = new AbortController();
  const timer = setTimeout(() => both.abort(new DOMException("no answer in time", "TimeoutError")), within);
  if (signal?.aborted) both.abort(signal.reason);
  signal?.addEventListener("abort", () => both.abort(signal.reason), { once: true });
  return { signal: both.signal, lift: () => clearTimeout(timer) };
}

/** The body of a response as JSON; a body cut short counts as no answer. */
export async function json<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw new NetworkError(error);
  }
}

/** Requests in the name of a session. A token that the server no longer takes is renewed and the request tried once more. */
export function authorized(source: TokenSource) {
  async function attempt(path: string, options: RequestOptions): Promise<Response> {
    const token = await source.token();
    try {
      return await send(path, options, token);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 401 || !tokenCodes.has(error.code)) throw error;
      return send(path, options, await source.renew(token));
    }
  }
  return {
    raw: attempt,
    request: async <T>(path: string, options: RequestOptions = {}) => json<T>(await attempt(path, options)),
  };
}

export type AuthorizedClient = ReturnType<typeof authorized>;

// The other 401s (a wrong current password, say) are about the request, not about the token.
const tokenCodes = new Set(["unauthenticated", "token_expired", "token_revoked"]);

function queryString(query: RequestOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}
