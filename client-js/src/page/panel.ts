import type { ConnectionStats } from "../stats.js";
import type { Receipt, ReceiptStages } from "../types.js";
import { byId, make, setText } from "./dom.js";
import { rate } from "./format.js";

const STAGES: [keyof ReceiptStages, string][] = [
  ["first_timings_ms", "Words timed"],
  ["first_sample_ms", "First sound"],
  ["first_controls_ms", "First lip shape"],
  ["first_picture_ms", "First picture"],
  ["first_packet_ms", "First packet sent"],
  ["shown_ms", "On your screen"],
];

/** So that a stage that took no time is still seen, in percent. */
const THINNEST_BAR = 1.5;

/** The panel with the latency receipt of the last turn and the connection's figures. */
export class Panel {
  readonly #details = byId<HTMLDetailsElement>("panel");
  readonly #headline = byId("panel-headline");
  readonly #table = byId<HTMLTableElement>("receipt");
  readonly #empty = byId("receipt-empty");
  readonly #connection = byId("connection");

  /** Whether anybody can see the figures. */
  get open(): boolean {
    return this.#details.open;
  }

  onToggle(toggled: () => void): void {
    this.#details.addEventListener("toggle", toggled);
  }

  showReceipt({ turn, stages }: Receipt): void {
    const known = STAGES.flatMap(([stage, label]) => {
      const ms = stages[stage];
      return typeof ms === "number" ? [{ stage, label, ms }] : [];
    });
    if (known.length === 0) return;
    const whole = Math.max(1, ...known.map(({ ms }) => ms));
    let before = 0;
    const rows = known.map(({ stage, label, ms }) => {
      const bar = make("span", { className: "bar" });
      const to = Math.max(THINNEST_BAR, (100 * ms) / whole);
      const from = Math.min((100 * before) / whole, to - THINNEST_BAR);
      bar.style.setProperty("--from", `${from}%`);
      bar.style.setProperty("--to", `${to}%`);
      before = Math.max(before, ms);
      const row = make(
        "tr",
        {},
        make("th", { scope: "row", textContent: label }),
        make("td", { className: "track" }, bar),
        make("td", { className: "ms", textContent: `${Math.round(ms)} ms` }),
      );
      row.dataset["stage"] = stage;
      return row;
    });
    this.#table.tBodies[0]?.replaceChildren(...rows);
    this.#table.dataset["turn"] = String(turn);
    this.#table.hidden = false;
    this.#empty.hidden = true;
    const { shown_ms: shown, first_packet_ms: packet } = stages;
    if (typeof shown === "number") {
      setText(this.#headline, `${Math.round(shown)} ms to screen`);
    } else if (typeof packet === "number") {
      setText(this.#headline, `${Math.round(packet)} ms to the first packet`);
    }
  }

  showStats(stats: ConnectionStats | undefined): void {
    const figures: [string, string][] = stats
      ? [
          ["Pictures", `${stats.fps.toFixed(1)} per second`],
          ["Size", stats.width > 0 ? `${stats.width} × ${stats.height}` : "–"],
          ["Round trip", stats.rttMs === undefined ? "–" : `${Math.max(1, Math.round(stats.rttMs))} ms`],
          ["Loss", `${(100 * stats.loss).toFixed(1)} %`],
          ["Video", rate(stats.videoKbps)],
          ["Sound", rate(stats.audioKbps)],
          ["Waiting, picture", `${Math.round(stats.videoJitterBufferMs)} ms`],
          ["Waiting, sound", `${Math.round(stats.audioJitterBufferMs)} ms`],
        ]
      : [["State", "Not connected"]];
    this.#connection.replaceChildren(
      ...figures.map(([name, value]) =>
        make(
          "div",
          {},
          make("dt", { textContent: name }),
          make("dd", { textContent: value }),
        ),
      ),
    );
  }
}
