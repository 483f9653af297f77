/** Stable error codes: those of the server's problem documents, and the client's own. */
export type ErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "unknown_voice"
  | "unknown_avatar"
  | "text_too_long"
  | "empty_text"
  | "no_h264"
  | "bad_sdp"
  | "too_many_sessions"
  | "session_closed"
  | "unsupported_media_type"
  | "payload_too_large"
  | "bad_audio"
  | "conflict"
  | "precondition_failed"
  | "internal"
  /** The server did not answer at all. */
  | "unreachable"
  /** The server answered, but no picture or sound came through. */
  | "no_media_path"
  /** This browser lacks something the client needs. */
  | "unsupported_browser"
  /** The server said something the client does not understand. */
  | "bad_response"
  // Later servers may add codes.
  | (string & {});

/** Details that belong to an error, as far as they are known. */
export interface ErrorDetails {
  status?: number;
  title?: string;
  requestId?: string;
  /** Seconds after which another try makes sense. */
  retryAfterS?: number;
  cause?: unknown;
}

/** Every error this package throws, except the `AbortError` of a caller's own signal. */
export class VisavisError extends Error {
  override readonly name = "VisavisError";
  readonly status: number | undefined;
  readonly title: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.title = details.title;
    this.requestId = details.requestId;
    this.retryAfterS = details.retryAfterS;
  }

  /** Whether the session itself is lost, so that trying again with it is useless. */
  get endsSession(): boolean {
    return ["unauthorized", "forbidden", "not_found", "session_closed"].includes(this.code);
  }
}

/** Turns anything thrown into a `VisavisError`; an abort stays an abort. */
export function toError(thrown: unknown): VisavisError {
  if (thrown instanceof VisavisError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new VisavisError("internal", message, { cause: thrown });
}

/** Whether `thrown` came from an `AbortSignal`. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}

const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: "invalid_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  410: "session_closed",
  412: "precondition_failed",
  413: "payload_too_large",
  415: "unsupported_media_type",
};

/** Reads the error out of a refused response (problem+json, RFC 9457, or anything else). */
export async function problemFrom(response: Response): Promise<VisavisError> {
  const details: ErrorDetails = { status: response.status };
  const retryAfter = Number(response.headers.get("retry-after"));
  if (retryAfter > 0) details.retryAfterS = retryAfter;

  let code: ErrorCode = CODE_BY_STATUS[response.status] ?? "internal";
  let message = `The server answered ${response.status} ${response.statusText}`.trim();
  const body = await response.text().catch(() => "");
  if (response.headers.get("content-type")?.includes("json")) {
    const problem = parseObject(body);
    if (typeof problem?.["code"] === "string") code = problem["code"];
    if (typeof problem?.["title"] === "string") details.title = message = problem["title"];
    if (typeof problem?.["detail"] === "string") message = problem["detail"];
    if (typeof problem?.["request_id"] === "string") details.requestId = problem["request_id"];
  }
  return new VisavisError(code, message, details);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
