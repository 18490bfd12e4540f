// The lists of the page: decisions, orders, verdicts, pairs. Text from anywhere outside goes through textContent only.

import { btc, btcSigned, clock, price, UNKNOWN } from "./format.js";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };

// On a phone a table is laid out as cards, and a browser then forgets that it is one; a screen reader must not.
export function keepTables() {
  for (const part of document.querySelectorAll("table:not([role]), table :is(thead, tbody, tr, td, th):not([role])")) {
    part.setAttribute("role", ROLES[part.tagName] ?? (part.scope === "row" ? "rowheader" : "columnheader"));
  }
}

// What a stage's figure is in: the strategy's own units.
const STAGE_UNITS = {
  "user": "BTC target",
  "volatility": "of a trade to the short leg",
  "funding": "of the hedge kept",
  "ltv floor": "BTC least net short",
  "margin": "BTC largest short leg",
  "emergency": "BTC short",
  "manual": "BTC target",
};
export const OUTCOME_TONES = { hedge: "info", hold: "calm", refuse: "warn" };
const STATE_TONES = { filled: "good", unknown: "bad", refused: "bad", absent: "warn", cancelled: "calm" };

// Decisions that repeat the one before them in everything a person reads are told once, with their number.
function runs(decisions) {
  const grouped = [];
  for (const decision of decisions) {
    const last = grouped.at(-1);
    const same = last && decision.outcome !== "hedge" && last.newest.outcome === decision.outcome && last.newest.reason === decision.reason;
    if (same) {
      last.count += 1;
      last.oldest = decision;
    } else {
      grouped.push({ newest: decision, oldest: decision, count: 1 });
    }
  }
  return grouped;
}

// Keeps what a person has opened open: an item lives as long as its first decision does.
export class Decisions {
  constructor(host) {
    this.host = host;
    this.items = new Map(); // number of the run's oldest decision -> { item, told }
  }

  render(decisions, nowMs) {
    const kept = new Map();
    const day = Math.floor(nowMs / 86_400_000); // at midnight yesterday's times get their date
    for (const run of runs(decisions)) {
      const told = `${run.newest.number}/${run.count}/${day}`;
      const before = this.items.get(run.oldest.number);
      if (before && before.told === told) {
        kept.set(run.oldest.number, before);
        continue;
      }
      const item = decisionItem(run, nowMs);
      if (before?.item.querySelector("details")?.open) item.querySelector("details").open = true;
      kept.set(run.oldest.number, { item, told });
    }
    this.items = kept;
    const wanted = [...kept.values()].map(({ item }) => item);
    if (wanted.length === 0) wanted.push(element("li", { class: "empty" }, "No decision yet."));
    replaceKeepingFocus(this.host, wanted);
  }
}

// Moving a node that is in its place already would take the focus and close what is open.
function replaceKeepingFocus(host, wanted) {
  const keep = new Set(wanted);
  for (const child of [...host.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((item, index) => {
    if (host.children[index] !== item) host.insertBefore(item, host.children[index] ?? null);
  });
}

function decisionItem({ newest, oldest, count }, nowMs) {
  const times = count === 1 ? clock(newest.at_ms, nowMs) : `${clock(oldest.at_ms, nowMs)} to ${clock(newest.at_ms, nowMs)}`;
  const summary = element(
    "summary",
    {},
    element("time", { datetime: new Date(newest.at_ms).toISOString() }, clock(newest.at_ms, nowMs)),
    element("span", { class: `badge ${OUTCOME_TONES[newest.outcome] ?? ""}` }, newest.outcome),
    element("span", { class: "reason" }, newest.reason, count > 1 ? element("small", {}, ` ${count} times`) : null),
    element("span", { class: "move" }, `${btcSigned(newest.delta_btc)} → ${btcSigned(newest.target_delta_btc)} BTC`),
  );
  const facts = element(
    "dl",
    { class: "pairs" },
    pair("Decision", `number ${newest.number}, on ${newest.trigger}`),
    pair("Taken", `${times} UTC`),
    pair("Delta", amount(newest.delta_btc, btcSigned)),
    pair("Target", amount(newest.target_delta_btc, btcSigned)),
    pair("Gap", amount(newest.gap_btc, btcSigned)),
    pair("Long leg to", amount(newest.long_target_btc, btc)),
    pair("Short leg to", amount(newest.short_target_btc, btc)),
  );
  return element("li", {}, element("details", {}, summary, element("div", { class: "inside" }, stages(newest.stages), facts, inputs(newest.inputs))));
}

const amount = (value, format) => (value === null ? "none" : `${format(value)} BTC`);

function stages(list) {
  const rows = list.map((stage, index) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${index + 1}. ${stage.name}`),
      element("td", { "data-label": "Figure" }, stage.value === null ? "–" : figure(stage.value), " ", unit(stage)),
      element("td", { "data-label": "Why", class: "text" }, stage.reason),
    ),
  );
  const head = element(
    "tr",
    {},
    ...["Stage", "Figure", "Why"].map((text) => element("th", { scope: "col" }, text)),
  );
  return element("table", { class: "grid stages" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

const unit = (stage) =>
  stage.value === null ? null : element("span", { class: "unit" }, STAGE_UNITS[stage.name.replaceAll("_", " ")] ?? "");

const figure = (value) => String(Number(value.toPrecision(6))).replace("-", "−");

function inputs(values) {
  const pairs = Object.entries(values).map(([name, value]) => pair(name, value === null ? UNKNOWN : String(value).replace("-", "−")));
  return element("details", { class: "inputs" }, element("summary", {}, "What the strategy was given, exactly"), element("dl", { class: "pairs" }, ...pairs));
}

export function pair(name, value, tone) {
  return element("div", {}, element("dt", {}, name), element("dd", { class: tone }, value));
}

export function orders(host, list, nowMs) {
  const rows = list.map((order) => orderRow(order, nowMs));
  if (rows.length === 0) rows.push(element("tr", {}, element("td", { colspan: 8, class: "text empty" }, "No order yet.")));
  host.replaceChildren(...rows);
}

function orderRow(order, nowMs) {
  const average = order.avg_price_usdt;
  return element(
    "tr",
    {},
    element("td", { "data-label": "Sent", class: "sent" }, element("time", { datetime: new Date(order.at_ms).toISOString() }, clock(order.at_ms, nowMs))),
    element("td", { class: `text leg ${order.leg}` }, `${order.act} ${order.leg}`),
    element("td", { "data-label": "Quantity", "data-unit": "BTC" }, btc(order.qty_btc)),
    element("td", { "data-label": "Filled", "data-unit": "BTC" }, btc(order.filled_btc)),
    average === null
      ? element("td", { "data-label": "Average" }, "–")
      : element("td", { "data-label": "Average", "data-unit": "USDT" }, price(average)),
    element("td", { class: "text state" }, element("span", { class: `badge ${STATE_TONES[order.state] ?? "info"}` }, order.state)),
    element("td", { class: "text why" }, order.reason),
    element("td", { class: "text id" }, order.order_link_id),
  );
}

const VERDICTS = { live: "Live: the process turns", ready: "Ready: it knows its world", trading: "Trading: it may and can hedge" };

export function verdicts(host, health) {
  const items = Object.entries(VERDICTS).map(([name, text]) => {
    const { ok, reasons } = health[name];
    return element(
      "li",
      {},
      element("span", { class: `badge ${ok ? "good" : "bad"}` }, ok ? "yes" : "no"),
      element("span", {}, text, ...reasons.map((reason) => element("small", {}, reason))),
    );
  });
  host.replaceChildren(...items);
}

export function pairs(host, entries, empty) {
  host.replaceChildren(...(entries.length ? entries : [element("div", { class: "empty" }, element("dt", {}, empty))]));
}
