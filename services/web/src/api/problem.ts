import type { FieldError, Problem } from "./types";

/** A request that a service refused, with its problem details. */
export class ProblemError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldError[];
  /** Seconds after which another try makes sense, where the service said so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
    this.status = problem.status;
    this.code = problem.code;
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** A request that got no answer: no network, no server, or a connection cut in the middle. */
export class NetworkError extends Error {
  constructor(cause: unknown) {
    super("no answer from the server", { cause });
    this.name = "NetworkError";
  }
}

/** Reads the problem out of a refused response; whatever stands between us and the service may have answered in its own way. */
export async function problemFrom(response: Response): Promise<ProblemError> {
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  const plain: Problem = {
    title: response.statusText || "Error",
    status: response.status,
    code: response.status >= 500 ? "unavailable" : "bad_request",
  };
  if (!response.headers.get("Content-Type")?.includes("json")) return new ProblemError(plain, retryAfter);
  try {
    const body = (await response.json()) as Partial<Problem>;
    return new ProblemError({ ...plain, ...body, status: response.status }, retryAfter);
  } catch {
    return new ProblemError(plain, retryAfter);
  }
}

/** The stable code of anything thrown by a request. */
export function codeOf(error: unknown): string {
  if (error instanceof ProblemError) return error.code;
  if (error instanceof NetworkError) return "network";
  return "unknown";
}
