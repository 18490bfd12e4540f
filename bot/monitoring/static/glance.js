// The first screen: is it safe, what does it hold, what is there to do. Everything on it stands in full further down or on another page.

import { btc, percent1, UNKNOWN } from "./format.js";
import { element } from "./lists.js";
import { toneOfRung } from "./loan.js";

const $ = (id) => document.getElementById(id);
const TONES = { info: "info", warning: "warn", critical: "bad" };
const OF_MODES = ["halted", "emergency", "blind", "reducing", "observing", "not-started"]; // the mode above says these already

// An alert as an item of a list; the same on top of every page and on the page of health.
export function alertItem({ severity, title, text, do: what }) {
  return element("li", {}, element("span", { class: `badge ${TONES[severity]}` }, severity), element("span", {}, title, element("small", {}, text), what ? element("em", {}, what) : null));
}

// A breaker's figure and limit: a share of something, or a count.
export function breakerFigure(breaker, value) {
  if (value === null || value === undefined) return UNKNOWN;
  return breaker.unit.startsWith("orders") ? `${value}` : `${percent1(value)} %`;
}

export function showTodo(doc) {
  const standing = (doc.alerts?.standing ?? []).filter((alert) => !OF_MODES.includes(alert.kind)).map(alertItem);
  const tripped = doc.breakers.filter((breaker) => breaker.tripped).map((breaker) => alertItem({
    severity: "critical",
    title: `Breaker tripped: ${breaker.name}`,
    text: `${breakerFigure(breaker, breaker.figure)}, limit ${breakerFigure(breaker, breaker.limit)} ${breaker.unit}. It resets when: ${breaker.resets}.`,
    do: "No leg grows until then; resume, under Verbs, resets every breaker.",
  }));
  const items = [...tripped, ...standing];
  const unread = [doc.book.delta_btc === null && "the delta", owes(doc) && doc.loan.ltv_ratio === null && "the loan"].filter(Boolean);
  if (doc.mode.name === "TRADING" && unread.length) items.push(alertItem({ severity: "warning", title: `Not known: ${unread.join(" and ")}`, text: "Health says what is missing.", do: null }));
  $("standing").hidden = items.length === 0;
  if ($("standing").textContent !== items.map((item) => item.textContent).join("")) $("standing").replaceChildren(...items);
  $("do").textContent = doc.mode.do || (items.length ? "" : "Nothing to do.");
}

const owes = ({ loan }) => loan.structure !== "no loan";

// The second lines of the figures: how far it is to what hurts.
export function showGlance(doc, [verdict, tone]) {
  const { loan, book } = doc;
  $("glance-rung").className = `badge ${toneOfRung(loan.rung)}`;
  const next = (loan.ladder?.ltv ?? []).find((step) => loan.ltv_ratio !== null && step.from_ratio > loan.ltv_ratio);
  $("glance-next").textContent = next ? `${next.rung.toLowerCase()} from ${Math.round(next.from_ratio * 100)} %` : "";
  $("glance-delta").textContent = verdict;
  $("glance-delta").dataset.tone = tone;
  $("glance-legs").textContent = `${btc(book.long.qty_btc)} long, ${btc(book.short.qty_btc)} short`;
  const { liquidation_down_usdt: down, liquidation_up_usdt: up, distance_down_ratio: fall, distance_up_ratio: rise } = loan;
  $("glance-fall").textContent = down === null || fall === null ? "" : `a fall of ${percent1(fall)} %`;
  $("glance-rise").textContent = up === null || rise === null ? "" : `a rise of ${percent1(rise)} %`;
}
