// The page of charts: what the journal tells of delta, profit and price. While the newest moment is in view, the view moves with it.

import { Chart, spanText } from "./chart.js";
import { btcSigned, dateAndClock, price, usdtSigned } from "./format.js";
import { table } from "./tables.js";

const REFRESH_MS = 5_000;
const LEAST_MS = 60_000;
const money = (value) => usdtSigned(value).replace(/\.00$/, "");

export class Charts {
  constructor(line, root = document) {
    this.line = line;
    this.spanS = 86_400;
    this.window = null; // [from, to] once somebody zoomed away from the newest moment
    this.bounds = null;
    this.askedAt = -Infinity;
    this.note = root.getElementById("range-note");
    const on = { zoom: (from, to) => this.#zoom(from, to), cursor: (at) => this.#everyone((chart) => chart.follow(at)) };
    this.charts = [
      new Chart(root.getElementById("chart-delta"), {
        title: "Delta",
        unit: "BTC",
        on,
        band: ["delta_low_btc", "delta_high_btc"],
        lines: [
          { name: "delta_btc", label: "delta", format: btcSigned, tone: "ink" },
          { name: "target_delta_btc", label: "target", format: btcSigned, tone: "good" },
        ],
      }),
      new Chart(root.getElementById("chart-pnl"), {
        title: "Profit and loss",
        unit: "USDT",
        on,
        zero: true,
        lines: [
          { name: "total_usdt", label: "book", format: money, tone: "ink" },
          { name: "perps_usdt", label: "perps", format: money, tone: "long" },
          { name: "funding_usdt", label: "funding", format: money, tone: "good" },
          { name: "realised_usdt", label: "realised", format: money, tone: "short" },
        ],
      }),
      new Chart(root.getElementById("chart-price"), { title: "Price", unit: "USDT", on, lines: [{ name: "price_usdt", label: "price", format: price, tone: "ink" }] }),
    ];
    this.tables = { day: root.getElementById("by-day"), leg: root.getElementById("by-leg") };
    this.buttons = [...root.querySelectorAll("#ranges button")];
    for (const button of this.buttons) button.addEventListener("click", () => this.#range(Number(button.dataset.span)));
    for (const button of root.querySelectorAll("#moves button")) button.addEventListener("click", () => this.#move(button.dataset.move));
    this.#press();
  }

  // Called every quarter second while the page is shown.
  tick(now) {
    if (now - this.askedAt < REFRESH_MS) return;
    this.askedAt = now;
    this.#load();
    this.#sums();
  }

  async #load() {
    const query = new URLSearchParams({ points: String(Math.min(1_200, Math.max(300, innerWidth))) });
    if (this.window) {
      query.set("from_ms", Math.round(this.window[0]));
      query.set("to_ms", Math.round(this.window[1]));
    } else if (this.spanS && this.bounds) {
      query.set("from_ms", Math.max(0, Math.round(this.bounds[1] - this.spanS * 1_000)));
    }
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const found = await this.line.ask(`/api/v1/history?${query}`);
    if (asked !== this.asked) return; // somebody has asked for another stretch since
    if (!found) {
      this.note.textContent = "The journal does not answer; what you see may be old.";
      return;
    }
    if (found.last_ms === null) {
      this.note.textContent = "The journal holds nothing yet.";
      return;
    }
    const first = this.bounds === null;
    this.bounds = [found.first_ms, found.last_ms];
    if (first && this.spanS) return this.#load(); // now the newest moment is known
    const [from, to] = this.window ?? [this.spanS ? Math.max(found.first_ms, found.last_ms - this.spanS * 1_000) : found.first_ms, found.last_ms];
    this.shown = [from, to];
    this.#everyone((chart) => chart.show(found.columns, from, to));
    this.note.textContent = `${dateAndClock(from)} to ${dateAndClock(to)} (${spanText(from, to)}), market time`;
  }

  async #sums() {
    const [days, legs] = [await this.line.ask("/api/v1/pnl?by=day"), await this.line.ask("/api/v1/pnl?by=leg")];
    if (days) table(this.tables.day, { ...days, rows: days.rows.toReversed().slice(0, 60), dropped: Math.max(0, days.rows.length - 60) }, "day_ms");
    if (legs) table(this.tables.leg, legs, "leg");
  }

  #everyone(deed) {
    this.charts.forEach(deed);
  }

  #range(spanS) {
    this.spanS = spanS;
    this.window = null;
    this.#press();
    this.#load();
  }

  #press() {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(!this.window && Number(button.dataset.span) === this.spanS));
  }

  #zoom(from, to) {
    if (!this.bounds) return;
    const [first, last] = this.bounds;
    if (to - from < LEAST_MS) [from, to] = [(from + to - LEAST_MS) / 2, (from + to + LEAST_MS) / 2];
    this.window = [Math.max(first, from), Math.min(last, to)];
    if (this.window[0] <= first && this.window[1] >= last) [this.window, this.spanS] = [null, 0];
    this.#press();
    this.#load();
  }

  #move(how) {
    if (!this.shown) return;
    const [from, to] = this.shown;
    const span = to - from;
    const by = { earlier: [-span / 2, -span / 2], later: [span / 2, span / 2], in: [span / 4, -span / 4], out: [-span / 2, span / 2] }[how];
    let [a, b] = [from + by[0], to + by[1]];
    const [first, last] = this.bounds;
    if (how === "later" && b > last) [a, b] = [last - span, last];
    if (how === "earlier" && a < first) [a, b] = [first, first + span];
    this.#zoom(a, b);
  }
}
