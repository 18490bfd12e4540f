// Tables of rows that the API tells: a head from the names, figures with units, and a last line that adds up.

import { clock, FORMATS, price, UNKNOWN, usdt, usdtSigned } from "./format.js";
import { element } from "./lists.js";

const UNITS = { usdt: "USDT", btc: "BTC", ratio: "%" };
const SHOWN = { day_ms: (value) => new Date(value).toISOString().slice(0, 10), at_ms: (value, now) => clock(value, now) };
const WORDS = { day_ms: "Day", at_ms: "When", leg: "Leg", cause: "Cause", total_usdt: "Total" };

const unitOf = (name) => UNITS[name.slice(name.lastIndexOf("_") + 1)] ?? "";
const wordOf = (name) => WORDS[name] ?? name.replace(/_(usdt|btc|ratio|ms)$/, "").replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

function head(names) {
  const cells = names.map((name) => element("th", { scope: "col", class: unitOf(name) ? null : "text" }, wordOf(name), unitOf(name) ? element("small", {}, ` ${unitOf(name)}`) : null));
  return element("thead", {}, element("tr", {}, ...cells));
}

function figure(name, value) {
  if (value === null || value === undefined) return element("td", { class: "none", "data-label": wordOf(name) }, UNKNOWN);
  const text = unitOf(name) === "USDT" ? usdtSigned(value) : String(value);
  return element("td", { "data-label": wordOf(name), "data-unit": unitOf(name), "data-sign": String(Math.sign(Number(value))), title: String(value) }, text);
}

// { rows, total_usdt } of /api/v1/pnl; `first` is the name of the column that names a row.
export function table(host, { rows, total_usdt: total, dropped = 0 }, first) {
  if (rows.length === 0) {
    host.replaceChildren(element("tbody", {}, element("tr", {}, element("td", { class: "empty" }, "Nothing is booked yet."))));
    return;
  }
  const names = Object.keys(rows[0]).filter((name) => name !== first);
  const body = rows.map((row) => {
    const name = SHOWN[first] ? SHOWN[first](row[first]) : row[first];
    return element("tr", {}, element("th", { scope: "row" }, name), ...names.map((each) => figure(each, row[each])));
  });
  const label = dropped ? `Total, with ${dropped} earlier days` : "Total";
  const last = element("tr", { class: "total" }, element("th", { scope: "row", colspan: names.length }, label), figure("total_usdt", total));
  host.replaceChildren(head([first, ...names]), element("tbody", {}, ...body, last));
}

const CELLS = {
  time: (value, now) => element("td", { class: "text sent", "data-label": "When" }, clock(value, now)),
  text: (value, _now, label) => element("td", { class: "text", "data-label": label }, value === null || value === undefined ? "" : String(value)),
  id: (value) => element("td", { class: "text id" }, value ?? ""),
};

const number = (format, unit) => (value, _now, label) =>
  value === null || value === undefined ? element("td", { "data-label": label }, "–") : element("td", { "data-label": label, "data-unit": unit, title: String(value) }, format(value));

export const cells = {
  ...CELLS,
  btc: number(FORMATS.btc, "BTC"),
  price: number(price, "USDT"),
  usdt: number(usdt, "USDT"),
  signed: number(usdtSigned, "USDT"),
  cost: number(FORMATS["usdt-cost"], "USDT"),
  percent: number(FORMATS["percent-1"], "%"),
  move: number(FORMATS["percent-1-signed"], "%"),
};

// `columns`: [name in the row, kind of cell, heading, unit]; replaces the rows of a table that has its head in the page.
export function rows(host, list, columns, nowMs, empty) {
  if (list.length === 0) {
    host.replaceChildren(element("tr", {}, element("td", { class: "empty text", colspan: columns.length }, empty)));
    return;
  }
  host.replaceChildren(...list.map((row) => element("tr", {}, ...columns.map(([name, kind, label]) => cells[kind](row[name], nowMs, label)))));
}
