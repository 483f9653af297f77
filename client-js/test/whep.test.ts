import { describe, expect, it, vi } from "vitest";
import { VisavisError } from "../src/errors.js";
import { Http } from "../src/http.js";
import { Whep } from "../src/whep.js";
import { ANSWER, FakeServer, fakeBrowser, newestPeer, OFFER, problem, type Route } from "./fakes.js";

const ENDPOINT = "/v1/sessions/s1/whep";
const RESOURCE = `${ENDPOINT}/v1`;

const answers: Route = () =>
  new Response(ANSWER, { status: 201, headers: { location: RESOURCE, etag: '"a"' } });

async function open(server: FakeServer, signal = new AbortController().signal): Promise<Whep> {
  const http = new Http("http://server.test", () => "secret", server.fetch);
  return Whep.open({ http, endpoint: ENDPOINT, signal });
}

describe("WHEP", () => {
  fakeBrowser();

  it("posts the offer without waiting for candidates", async () => {
    const server = new FakeServer({ [`POST ${ENDPOINT}`]: answers });
    await open(server);
    const [post] = server.requests(`POST ${ENDPOINT}`);
    expect(post?.body).toBe(OFFER);
    expect(post?.headers.get("content-type")).toBe("application/sdp");
    expect(post?.headers.get("authorization")).toBe("Bearer secret");
    expect(newestPeer().remote).toEqual([ANSWER]);
  });

  it("sends candidates together once the resource is known", async () => {
    let release: (answer: Response) => void = () => undefined;
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: () => new Promise((resolve) => (release = resolve)),
      [`PATCH ${RESOURCE}`]: () => new Response(null, { status: 204 }),
    });
    const opening = open(server);
    await vi.advanceTimersByTimeAsync(0);
    newestPeer().found("candidate:1");
    newestPeer().found("candidate:2");
    await vi.advanceTimersByTimeAsync(500);
    expect(server.requests(`PATCH ${RESOURCE}`)).toHaveLength(0);
    release(await answers({} as never, undefined));
    await opening;
    newestPeer().gathered();
    await vi.advanceTimersByTimeAsync(100);
    const patches = server.requests(`PATCH ${RESOURCE}`);
    expect(patches).toHaveLength(1);
    expect(patches[0]?.headers.get("if-match")).toBe('"a"');
    expect(patches[0]?.headers.get("content-type")).toBe("application/trickle-ice-sdpfrag");
    expect(patches[0]?.body).toMatch(/a=candidate:1\r\na=candidate:2\r\na=end-of-candidates/);
  });

  it("stops trickling to a server that refuses it", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: answers,
      [`PATCH ${RESOURCE}`]: () => new Response(null, { status: 405 }),
    });
    await open(server);
    newestPeer().found("candidate:1");
    await vi.advanceTimersByTimeAsync(100);
    newestPeer().found("candidate:2");
    await vi.advanceTimersByTimeAsync(100);
    expect(server.requests(`PATCH ${RESOURCE}`)).toHaveLength(1);
  });

  it("restarts ICE with the server's new credentials and tag", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: answers,
      [`PATCH ${RESOURCE}`]: ({ headers }) =>
        headers.get("if-match") === "*"
          ? new Response("a=ice-ufrag:NEW\r\na=ice-pwd:newpassword\r\n", {
              status: 200,
              headers: { etag: '"b"' },
            })
          : new Response(null, { status: 204 }),
    });
    const viewer = await open(server);
    await viewer.restartIce(new AbortController().signal);
    expect(newestPeer().restarts).toBe(1);
    expect(server.requests(`PATCH ${RESOURCE}`)[0]?.body).toContain("a=ice-ufrag:AGAIN");
    expect(newestPeer().remote.at(-1)).toContain("a=ice-ufrag:NEW");
    newestPeer().found("candidate:5");
    await vi.advanceTimersByTimeAsync(100);
    expect(server.requests(`PATCH ${RESOURCE}`)[1]?.headers.get("if-match")).toBe('"b"');
  });

  it("does not take a trickle answer for a restart", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: answers,
      [`PATCH ${RESOURCE}`]: () => new Response(null, { status: 204 }),
    });
    const viewer = await open(server);
    await expect(viewer.restartIce(new AbortController().signal)).rejects.toMatchObject({
      code: "bad_response",
    });
  });

  it("turns a refusal into a typed error and closes the connection", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: () => problem(400, "bad_sdp"),
    });
    const failure = await open(server).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(VisavisError);
    expect(failure).toMatchObject({ code: "bad_sdp", status: 400, message: "detail of bad_sdp" });
    expect(newestPeer().closed).toBe(true);
    expect(server.requests(`POST ${ENDPOINT}`)).toHaveLength(1);
  });

  it("takes the sound alone where pictures cannot be decoded", async () => {
    let asked = 0;
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: () => (++asked === 1 ? problem(400, "no_h264") : answers({} as never, undefined)),
    });
    const viewer = await open(server);
    expect(viewer.soundAlone).toMatchObject({ code: "no_h264" });
    expect(newestPeer().kinds).toEqual(["audio"]);
    expect(newestPeer().closed).toBe(false);
  });

  it("reads errors that are no problem documents", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: () =>
        new Response("busy", { status: 503, headers: { "retry-after": "7" } }),
    });
    await expect(open(server)).rejects.toMatchObject({ code: "internal", retryAfterS: 7 });
  });

  it("deletes its resource when closed", async () => {
    const server = new FakeServer({
      [`POST ${ENDPOINT}`]: answers,
      [`DELETE ${RESOURCE}`]: () => new Response(null, { status: 200 }),
    });
    const viewer = await open(server);
    viewer.close();
    viewer.close();
    expect(server.requests(`DELETE ${RESOURCE}`)).toHaveLength(1);
    expect(newestPeer().closed).toBe(true);
  });

  it("says that a browser without WebRTC is one", async () => {
    vi.stubGlobal("RTCPeerConnection", undefined);
    await expect(open(new FakeServer())).rejects.toMatchObject({ code: "unsupported_browser" });
  });
});
