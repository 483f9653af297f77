// Runs the two browser libraries of the table on a folder of 16 kHz WAV files:
//   node reference.mjs headaudio|wawa WAVS OUT
// The browser around them is simulated: a worklet that gets blocks of 128
// samples at 48 kHz, an AnalyserNode by the Web Audio specification that is read
// 60 times a second. Writes OUT/ID.npy [frames, 15] at 100 Hz. What a library
// says at a moment is taken for that moment: a delay that it does not tell of
// is its own.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [, , library, wavs, out] = process.argv;
const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), "node_modules");
const VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"];
const OTHER_NAMES = { I: "ih", O: "oh", U: "ou" };
const column = (name) => VISEMES.indexOf(OTHER_NAMES[name] ?? name);
const RATE = 48000;

function readWav(file) {
  const bytes = fs.readFileSync(file);
  let at = 12;
  while (bytes.toString("latin1", at, at + 4) !== "data") at += 8 + bytes.readUInt32LE(at + 4);
  const count = Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8) >> 1;
  const low = Float32Array.from({ length: count }, (_, i) => bytes.readInt16LE(at + 8 + 2 * i) / 32768);
  // 16 to 48 kHz: windowed sinc, three phases.
  const reach = 16;
  const sound = new Float32Array(count * 3);
  for (let i = 0; i < sound.length; i++) {
    const centre = i / 3;
    let sum = 0;
    for (let k = Math.floor(centre) - reach + 1; k <= centre + reach; k++) {
      const x = centre - k;
      if (k < 0 || k >= count || Math.abs(x) > reach) continue;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      sum += low[k] * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / reach));
    }
    sound[i] = sum;
  }
  return sound;
}

function writeNpy(file, classes) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${classes.length}, 15), }`;
  while ((header.length + 11) % 64) header += " ";
  header += "\n";
  const head = Buffer.alloc(10 + header.length);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(header.length, 8);
  head.write(header, 10, "latin1");
  const rows = new Float32Array(classes.length * 15);
  classes.forEach((c, i) => (rows[i * 15 + c] = 1));
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(rows.buffer)]));
}

async function headaudio() {
  const folder = path.join(modules, "@met4citizen/headaudio");
  const { Processor } = await import(path.join(folder, "modules/processor.mjs"));
  const { Training } = await import(path.join(folder, "modules/training.mjs"));
  const file = fs.readFileSync(path.join(folder, "dist/model-en-mixed.bin"));
  const copy = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
  globalThis.fetch = async () => ({ ok: true, arrayBuffer: async () => copy });
  const { model } = await new Training().loadModel("model");
  const names = ["aa", "E", "I", "O", "U", "PP", "SS", "TH", "DD", "FF", "kk", "nn", "RR", "CH", "sil"];
  return (sound) => {
    const events = [];
    const port = { onmessage: null, postMessage: (m) => events.push(m) };
    const processor = new Processor({ sampleRate: RATE }, { port });
    processor._onmessage({ data: { event: "model", model } });
    for (let i = 0; i + 128 <= sound.length; i += 128) processor.process(sound.subarray(i, i + 128));
    const classes = new Array(Math.floor(sound.length / 480)).fill(0);
    for (const event of events) {
      const middle = event.event === "viseme" ? event.t : event.t - 0.016;
      const viseme = event.event === "viseme" && event.viseme !== null ? column(names[event.viseme]) : 0;
      if (event.event !== "viseme" && event.event !== "ended") continue;
      for (let i = Math.max(0, Math.round(middle * 100)); i < classes.length; i++) classes[i] = viseme;
    }
    return classes;
  };
}

// AnalyserNode (Web Audio API, section 1.8): Blackman window, smoothing .8, -100 to -30 dB.
class Analyser {
  constructor() {
    this.smooth = new Float64Array(1024);
    this.past = new Float64Array(2048);
  }
  get frequencyBinCount() {
    return 1024;
  }
  getByteFrequencyData(target) {
    const n = 2048;
    const re = new Float64Array(n);
    const im = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const w = 0.42 - 0.5 * Math.cos((2 * Math.PI * i) / n) + 0.08 * Math.cos((4 * Math.PI * i) / n);
      re[reverse(i)] = this.past[i] * w;
    }
    for (let size = 2; size <= n; size *= 2) {
      for (let start = 0; start < n; start += size) {
        for (let k = 0; k < size / 2; k++) {
          const angle = (-2 * Math.PI * k) / size;
          const [c, s] = [Math.cos(angle), Math.sin(angle)];
          const [a, b] = [start + k, start + k + size / 2];
          const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
          [re[b], im[b]] = [re[a] - x, im[a] - y];
          re[a] += x;
          im[a] += y;
        }
      }
    }
    for (let k = 0; k < 1024; k++) {
      this.smooth[k] = 0.8 * this.smooth[k] + 0.2 * (Math.hypot(re[k], im[k]) / n);
      const db = 20 * Math.log10(this.smooth[k] + 1e-12);
      target[k] = Math.max(0, Math.min(255, Math.floor((255 / 70) * (db + 100))));
    }
  }
}
const REVERSED = Array.from({ length: 2048 }, (_, i) => parseInt(i.toString(2).padStart(11, "0").split("").reverse().join(""), 2));
const reverse = (i) => REVERSED[i];

async function wawa() {
  let analyser;
  let now = 0;
  globalThis.window = {
    AudioContext: class {
      sampleRate = RATE;
      createAnalyser() {
        return (analyser = new Analyser());
      }
    },
  };
  Object.defineProperty(globalThis, "performance", { value: { now: () => now }, configurable: true });
  const { Lipsync } = await import(path.join(modules, "wawa-lipsync/dist/wawa-lipsync.es.js"));
  return (sound) => {
    const lipsync = new Lipsync();
    const classes = new Array(Math.floor(sound.length / 480)).fill(0);
    for (let tick = 1; tick * 800 <= sound.length; tick++) {
      now = (tick * 1000) / 60;
      const end = tick * 800;
      for (let i = 0; i < 2048; i++) analyser.past[i] = sound[end - 2048 + i] ?? 0;
      lipsync.processAudio();
      const viseme = Math.max(0, column(lipsync.viseme.replace("viseme_", "")));
      for (let i = Math.floor(end / 480); i < classes.length; i++) classes[i] = viseme;
    }
    return classes;
  };
}

const run = await { headaudio, wawa }[library]();
fs.mkdirSync(out, { recursive: true });
for (const name of fs.readdirSync(wavs).filter((name) => name.endsWith(".wav")).sort()) {
  writeNpy(path.join(out, name.replace(/wav$/, "npy")), run(readWav(path.join(wavs, name))));
}
