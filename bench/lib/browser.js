// A viewer in headless Chromium.

import { createServer } from "node:http";

import { chromium } from "playwright-core";

import { AUTOPLAY, executable, FLAGS } from "../../tests/support/chromium.mjs";
import { withFolder } from "./server.js";

/** An empty page of our own, so that nothing of the product's page is measured along. */
async function emptyPage() {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>bench</title>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Starts Chromium for `use`, which gets a function that opens a fresh page. */
export function withBrowser(use) {
  return withFolder(async (folder) => {
    const server = await emptyPage();
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: executable(),
      args: [...FLAGS, AUTOPLAY],
      ignoreDefaultArgs: ["--mute-audio"],
    });
    try {
      return await use(async () => {
        const page = await context.newPage();
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        return page;
      });
    } finally {
      await context.close();
      server.close();
    }
  });
}

/**
 * Watches a session in a page. Resolves with the times of its steps once the first picture is
 * decoded and shown, ms after the offer was begun; the page goes on watching.
 */
export function watch(page, session) {
  const whep = new URL(`/v1/sessions/${session.id}/whep`, session.server.url).href;
  // Runs in the page.
  return page.evaluate(
    async ({ whep, token }) => {
      const video = document.createElement("video");
      video.muted = true;
      video.autoplay = true;
      document.body.append(video);
      const peer = new RTCPeerConnection();
      globalThis.viewer = peer;
      const stream = new MediaStream();
      video.srcObject = stream;
      peer.ontrack = ({ track }) => stream.addTrack(track);
      peer.addTransceiver("video", { direction: "recvonly" });
      peer.addTransceiver("audio", { direction: "recvonly" });

      const begin = performance.now();
      const times = {};
      const note = (name) => {
        times[name] ??= performance.now() - begin;
      };
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "connected") note("connected");
      };
      const shown = new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`no picture; ${peer.connectionState}`)), 30_000);
        video.requestVideoFrameCallback(() => {
          note("picture");
          resolve();
        });
      });
      await peer.setLocalDescription(await peer.createOffer());
      note("offer");
      const response = await fetch(whep, {
        method: "POST",
        body: peer.localDescription.sdp,
        headers: { "content-type": "application/sdp", authorization: `Bearer ${token}` },
      });
      if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
      await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
      note("answer");
      await shown;
      return times;
    },
    { whep, token: session.info.token },
  );
}
