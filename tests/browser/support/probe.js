/**
 * Runs in the page. Records every shown picture (small, grey, with its size, its RTP time and the
 * time it was shown), the sound level every few milliseconds, and the captions. It only looks: the page
 * under test does not know about it.
 */
(() => {
  const SIDE = 64;
  const LEVEL_EVERY_MS = 5;

  const probe = { session: undefined, events: [] };
  window.visavisProbe = probe;

  // The answer to the page's own creation of a session, for tests that also use the API.
  const originalFetch = window.fetch;
  window.fetch = async (input, init) => {
    const response = await originalFetch(input, init);
    const path = new URL(typeof input === "string" ? input : input.url, location.href).pathname;
    if (path === "/v1/sessions" && response.status === 201) {
      const { id, token } = await response.clone().json();
      probe.session = { id, token };
    }
    if (path.endsWith("/events") && response.ok) void follow(response.clone());
    return response;
  };

  /** Keeps the events that the page is told, with the time of their arrival. */
  async function follow(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) {
          probe.events.push({ arrived: performance.now(), ...JSON.parse(line.slice(5)) });
        }
      }
    }
  }

  let running;

  probe.start = (video) => {
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    const draw = canvas.getContext("2d", { willReadFrequently: true });
    const audio = new AudioContext({ sampleRate: 48_000 });
    const analyser = new AnalyserNode(audio, { fftSize: 256 });
    audio.createMediaStreamSource(video.srcObject).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const frames = [];
    const pixels = [];
    const levels = [];
    const captions = [];

    const seen = (now, meta) => {
      if (running?.video !== video) return;
      draw.drawImage(video, 0, 0, SIDE, SIDE);
      const { data } = draw.getImageData(0, 0, SIDE, SIDE);
      const grey = new Uint8Array(SIDE * SIDE);
      for (let at = 0; at < grey.length; at++) {
        grey[at] = (data[4 * at] * 77 + data[4 * at + 1] * 150 + data[4 * at + 2] * 29) >> 8;
      }
      pixels.push(grey);
      frames.push({
        at: meta.expectedDisplayTime,
        rtp: meta.rtpTimestamp,
        presented: meta.presentedFrames,
        width: meta.width,
        height: meta.height,
      });
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);

    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      levels.push([performance.now(), Math.sqrt(sum / samples.length)]);
    }, LEVEL_EVERY_MS);

    const view = document.querySelector("#captions .caption");
    const observer = new MutationObserver(() => {
      captions.push({
        at: performance.now(),
        text: view.textContent,
        word: view.querySelector("mark")?.textContent,
      });
    });
    if (view) observer.observe(view, { childList: true, characterData: true, subtree: true });

    running = {
      video,
      end: () => {
        clearInterval(timer);
        observer.disconnect();
        void audio.close();
        const all = new Uint8Array(pixels.length * SIDE * SIDE);
        pixels.forEach((grey, index) => all.set(grey, index * SIDE * SIDE));
        return { side: SIDE, frames, levels, captions, pixels: base64(all) };
      },
    };
  };

  probe.stop = () => {
    const result = running.end();
    running = undefined;
    return result;
  };

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  }
})();
