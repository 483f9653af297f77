import { isAbort, problemFrom, VisavisError } from "./errors.js";

/** The part of `fetch` this package uses; a test or a native shell can bring its own. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** A request to the server. */
export interface Call {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  body?: BodyInit;
  signal?: AbortSignal | undefined;
  /** Lets the request outlive the page. */
  keepalive?: boolean;
}

/** Calls a Visavis server with the caller's credentials and turns refusals into typed errors. */
export class Http {
  readonly base: URL;
  readonly #fetch: Fetch;

  constructor(
    server: string | URL,
    /** The API key or session token to use right now, if any. */
    private readonly credential: () => string | undefined,
    fetcher?: Fetch,
  ) {
    this.base = new URL(server, globalThis.location?.href);
    this.#fetch = fetcher ?? ((input, init) => fetch(input, init));
  }

  /** An absolute address from one the server gave, or from a path. */
  url(path: string): string {
    return new URL(path, this.base).href;
  }

  /** Sends a request; a status outside 200-299 is thrown as `VisavisError`. */
  async send(path: string, call: Call = {}): Promise<Response> {
    const headers = new Headers(call.headers);
    const credential = this.credential();
    if (credential) headers.set("authorization", `Bearer ${credential}`);
    const init: RequestInit = { method: call.method ?? "GET", headers };
    if (call.body !== undefined) init.body = call.body;
    if (call.signal) init.signal = call.signal;
    if (call.keepalive) init.keepalive = true;

    let response: Response;
    try {
      response = await this.#fetch(this.url(path), init);
    } catch (thrown) {
      if (isAbort(thrown) || call.signal?.aborted) throw thrown;
      throw new VisavisError("unreachable", "The server does not answer.", { cause: thrown });
    }
    if (!response.ok) throw await problemFrom(response);
    return response;
  }

  /** Sends a request, with `body` as JSON if given, and reads a JSON answer. */
  async json<Answer>(path: string, call: Omit<Call, "body"> & { body?: unknown } = {}): Promise<Answer> {
    const { body, ...rest } = call;
    const request: Call = rest;
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers = { "content-type": "application/json", ...call.headers };
    }
    const response = await this.send(path, request);
    try {
      return (await response.json()) as Answer;
    } catch (thrown) {
      if (isAbort(thrown)) throw thrown;
      throw new VisavisError("bad_response", "The server's answer is not JSON.", { cause: thrown });
    }
  }
}
