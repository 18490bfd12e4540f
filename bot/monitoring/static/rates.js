// The page of rates: every estimator of volatility side by side, and what decisions saw of volatility and funding.

import { Chart } from "./chart.js";
import { percent2, percent2Signed } from "./format.js";
import { element } from "./lists.js";

const REFRESH_MS = 10_000;
const SPAN_MS = 30 * 86_400_000;
const NAMES = { realised: "Realised (close to close)", parkinson: "Parkinson", "garman-klass": "Garman–Klass", "rogers-satchell": "Rogers–Satchell", "yang-zhang": "Yang–Zhang", bipower: "Bipower (without jumps)", medrv: "MedRV (without jumps)" };

export class Rates {
  constructor(line, root = document) {
    this.line = line;
    this.host = root.getElementById("estimators");
    this.askedAt = -Infinity;
    this.charts = [
      new Chart(root.getElementById("chart-sigma"), { title: "Volatility", unit: "% per 24 h", zero: true, lines: [{ name: "sigma_24h_ratio", label: "smoothed", format: percent2, tone: "ink" }] }),
      new Chart(root.getElementById("chart-apr"), { title: "Funding", unit: "% APR", zero: true, lines: [{ name: "funding_apr_ratio", label: "deciding", format: percent2Signed, tone: "ink" }] }),
    ];
  }

  render({ volatility }) {
    const all = { "smoothed, what the regime is judged by": volatility.smoothed_24h_ratio, ...volatility.estimators_24h_ratio };
    const most = Math.max(1e-9, ...Object.values(all).filter((value) => value !== null));
    this.host.replaceChildren(
      ...Object.entries(all).map(([name, value]) => {
        const meter = element("meter", { min: 0, max: most, value: value ?? 0, "aria-hidden": "true" });
        const said = element("b", { class: value === null ? "none" : null }, percent2(value));
        return element("li", {}, element("span", {}, NAMES[name] ?? name.replace(/^./, (letter) => letter.toUpperCase())), meter, element("span", {}, said, value === null ? null : element("span", { class: "unit" }, " %")));
      }),
    );
  }

  async tick(now) {
    if (now - this.askedAt < REFRESH_MS) return;
    this.askedAt = now;
    const found = await this.line.ask("/api/v1/history?points=600");
    if (!found || found.last_ms === null) return;
    const from = Math.max(found.first_ms, found.last_ms - SPAN_MS);
    for (const chart of this.charts) chart.show(found.columns, from, found.last_ms);
  }
}
