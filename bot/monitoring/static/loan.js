// The loan's page: ladders, distances, payments, and the book at other prices.

import { shape, ticks } from "./chart.js";
import { percent1, price } from "./format.js";
import { element } from "./lists.js";
import { rows } from "./tables.js";

const REFRESH_MS = 5_000;
const TONES = { SAFE: "good", CALM: "good", MONITOR: "info", ALERT: "info", WARNING: "warn", "TOP UP": "warn", CRITICAL: "bad", REDUCE: "bad", EMERGENCY: "bad", CLOSE: "bad" };

// A ladder as a bar of its rungs with a marker; `rungs`: [{ rung, from_ratio }], `end` is where it is over.
export function ladder(host, { value, rungs, end, name }) {
  const width = Math.max(220, host.clientWidth);
  const known = value !== null && value !== undefined;
  const label = known ? `${name} ${percent1(value)} %, of ${percent1(end)} %` : `${name} unknown`;
  const svg = shape("svg", { viewBox: `0 0 ${width} 56`, width, height: 56, role: "img", "aria-label": label });
  const x = (ratio) => 6 + (Math.min(Math.max(ratio, 0), end) / end) * (width - 12);
  const steps = [{ rung: "SAFE", from_ratio: 0 }, ...rungs];
  let free = -Infinity;
  steps.forEach((step, index) => {
    const [from, to] = [x(step.from_ratio), x(steps[index + 1]?.from_ratio ?? end)];
    svg.append(shape("rect", { x: from, y: 16, width: Math.max(1, to - from - 1.5), height: 12, class: `rung ${TONES[step.rung] ?? "calm"}` }));
    if (index && from - 14 > free) {
      svg.append(shape("text", { x: from, y: 44, class: "label centre" }, `${Math.round(step.from_ratio * 100)} %`));
      free = from + 14;
    }
  });
  if (known) svg.append(shape("path", { d: `M${x(value) - 7} 2 h14 l-7 13 z`, class: "marker" }), shape("line", { x1: x(value), x2: x(value), y1: 12, y2: 31, class: "needle" }));
  host.replaceChildren(svg);
}

export const toneOfRung = (rung) => TONES[rung] ?? "calm";

// The present price between the two prices at which something is liquidated.
export function rail(host, { down, up, mark }) {
  if (mark === null) {
    host.replaceChildren();
    return;
  }
  const width = Math.max(220, host.clientWidth);
  const low = Math.min(down ?? mark * 0.4, mark) * 0.94;
  const high = Math.max(up ?? mark * 1.6, mark) * 1.03;
  const x = (value) => 8 + ((value - low) / (high - low)) * (width - 16);
  const said = `Price ${price(mark)}; liquidation below at ${down === null ? "no price seen" : price(down)}, above at ${up === null ? "no price seen" : price(up)} USDT`;
  const svg = shape("svg", { viewBox: `0 0 ${width} 62`, width, height: 62, role: "img", "aria-label": said });
  svg.append(shape("rect", { x: 8, y: 24, width: width - 16, height: 12, class: "rung good" }));
  const mark_ = (value, at, text, anchor) => shape("text", { x: Math.min(Math.max(x(value), 8), width - 8), y: at, class: `label ${anchor}` }, text);
  if (down !== null) svg.append(shape("rect", { x: 8, y: 24, width: Math.max(2, x(down) - 8), height: 12, class: "rung bad" }), mark_(down, 54, price(down), "centre"));
  if (up !== null) svg.append(shape("rect", { x: x(up), y: 24, width: Math.max(2, width - 8 - x(up)), height: 12, class: "rung bad" }), mark_(up, 54, price(up), "end"));
  svg.append(shape("path", { d: `M${x(mark) - 7} 8 h14 l-7 14 z`, class: "marker" }), shape("line", { x1: x(mark), x2: x(mark), y1: 18, y2: 39, class: "needle" }), mark_(mark, 54, price(mark), "centre"));
  host.replaceChildren(svg);
}

const PAYMENTS = [["at_ms", "time", "When"], ["amount_usdt", "usdt", "Wanted"], ["paid_usdt", "usdt", "Paid"], ["state", "text", "State"], ["why", "text", "Why"], ["reason", "text", "Said"]];
const WHAT_IF = [
  ["move_ratio", "move", "Move"], ["price_usdt", "price", "Price"], ["equity_usdt", "usdt", "Equity"], ["ltv_ratio", "percent", "LTV"], ["mm_rate_ratio", "percent", "Margin"],
  ["rung", "text", "Rung"], ["defended_equity_usdt", "usdt", "Defended equity"], ["defended_ltv_ratio", "percent", "Defended LTV"], ["defended_short_btc", "btc", "Short"], ["words", "text", "What happens"],
];

export class Loan {
  constructor(line, root = document) {
    this.line = line;
    this.askedAt = -Infinity;
    this.$ = (id) => root.getElementById(id);
  }

  render(doc) {
    const { loan, market } = doc;
    const figure = (value) => (value === null || value === undefined ? null : Number(value));
    ladder(this.$("ladder-ltv"), { value: loan.ltv_ratio, rungs: loan.ladder?.ltv ?? [], end: 1, name: "Loan-to-value" });
    ladder(this.$("ladder-margin"), { value: loan.mm_rate_ratio, rungs: loan.ladder?.margin ?? [], end: 1, name: "Maintenance margin" });
    rail(this.$("rail"), { down: figure(loan.liquidation_down_usdt), up: figure(loan.liquidation_up_usdt), mark: figure(market.mark_usdt) });
    rows(this.$("payments"), loan.payments, PAYMENTS, doc.now_ms, "Nothing was repaid yet.");
    const remarks = [
      loan.unmanaged && `Nothing is repaid here: ${loan.unmanaged}.`,
      loan.dry_run && "Dry run: repayments are planned and not sent.",
      loan.refused && `The last payment wished for was refused (${loan.refused}).`,
      loan.ltv_disagrees && "Our LTV and the venue's differ by more than half a percentage point.",
    ].filter(Boolean);
    this.$("loan-remark").textContent = remarks.join(" ");
    this.$("loan-remark").hidden = remarks.length === 0;
  }

  tick(now, nowMs) {
    if (now - this.askedAt < REFRESH_MS) return;
    this.askedAt = now;
    this.#load(nowMs);
  }

  async #load(nowMs) {
    const found = await this.line.ask("/api/v1/what-if");
    const list = (found?.rows ?? []).map((row) => ({ ...row, words: [row.liquidated && `left alone: ${row.liquidated}`, row.action, row.defended_liquidated && `defended: ${row.defended_liquidated}`].filter(Boolean).join("; ") }));
    rows(this.$("what-if"), list, WHAT_IF, nowMs, found ? "Not known yet." : "Not to be had.");
    chart(this.$("what-if-chart"), list);
  }
}

// LTV over the price's move: left alone and defended, against the rungs.
function chart(host, list) {
  const points = list.filter((row) => row.ltv_ratio !== null);
  if (points.length < 2) {
    host.replaceChildren();
    return;
  }
  const width = Math.max(260, host.clientWidth);
  const height = 240;
  const top = Math.min(1.5, Math.max(1, ...points.map((row) => Math.min(row.ltv_ratio, 1.5))));
  const [first, last] = [points[0].move_ratio, points.at(-1).move_ratio];
  const x = (move) => 48 + ((move - first) / (last - first)) * (width - 60);
  const y = (ratio) => 10 + (1 - Math.min(ratio, top) / top) * (height - 40);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "Loan-to-value over the move of the price, left alone and defended; the table below has the figures" });
  for (const value of ticks(0, top, 5)) svg.append(shape("line", { x1: 48, x2: width - 12, y1: y(value), y2: y(value), class: "grid" }), shape("text", { x: 42, y: y(value) + 4, class: "label end" }, `${Math.round(value * 100)} %`));
  for (const value of ticks(first, last, width / 90)) svg.append(shape("text", { x: Math.min(x(value), width - 20), y: height - 8, class: "label centre" }, `${value > 0 ? "+" : ""}${Math.round(value * 100)} %`.replace("-", "−")));
  svg.append(shape("line", { x1: x(0), x2: x(0), y1: 10, y2: height - 30, class: "cursor" }));
  const line = (name, tone) => {
    const known = points.filter((row) => row[name] !== null);
    return shape("path", { d: known.map((row, i) => `${i ? "L" : "M"}${x(row.move_ratio).toFixed(1)} ${y(row[name]).toFixed(1)}`).join(""), class: `series ${tone}` });
  };
  svg.append(line("defended_ltv_ratio", "good"), line("ltv_ratio", "bad dashed")); // where nothing has to be defended the two are one
  const key = element("p", { class: "key" }, element("span", {}, element("i", { class: "bad" }), "LTV left alone"), element("span", {}, element("i", { class: "good" }), "LTV defended"));
  host.replaceChildren(key, svg);
}

