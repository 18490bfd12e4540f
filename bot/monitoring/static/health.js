// The page of health: verdicts, streams and how long they stand so, the process, alerts.

import { dateAndClock, duration, FORMATS } from "./format.js";
import { alertItem, breakerFigure } from "./glance.js";
import { element, pair, pairs, verdicts } from "./lists.js";

const $ = (id) => document.getElementById(id);

export function showHealth(doc, store) {
  verdicts($("verdicts"), doc.health);
  const streams = Object.entries(doc.health.streams).map(([name, up]) => {
    const since = doc.health.stream_since_ms?.[name];
    const span = since ? ` for ${duration((doc.now_ms - since) / 1000 / store.speed, 0)}` : "";
    return pair(name.replace(/^./, (letter) => letter.toUpperCase()), `${up ? "up" : "down"}${span}`, up ? "good" : "bad");
  });
  pairs($("streams"), streams, "No stream yet.");
  const queues = Object.entries(doc.process.queues).map(([name, { depth, limit }]) => pair(name.replace(/^./, (letter) => letter.toUpperCase()), limit === null ? FORMATS.count(depth) : `${FORMATS.count(depth)} of ${FORMATS.count(limit)}`));
  pairs($("queues"), queues, "");
  const bad = Object.entries(doc.health.bad_inputs).map(([kind, count]) => pair(kind, FORMATS.count(count)));
  pairs($("bad-inputs"), bad, "None since the books began.");
  showBreakers(doc.breakers);
  showDrill(doc.drill);
  showAlerts(doc.alerts);
}

function showBreakers(breakers) {
  const rows = breakers.map((breaker) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, breaker.name),
      element("td", { "data-label": "Figure", class: breaker.figure === null ? "none" : null }, breakerFigure(breaker, breaker.figure)),
      element("td", { "data-label": "Limit" }, breakerFigure(breaker, breaker.limit)),
      element("td", { "data-label": "Of what", class: "text" }, breaker.unit),
      element("td", { "data-label": "Stands", class: "text" }, element("span", { class: `badge ${breaker.tripped ? "bad" : "good"}` }, breaker.tripped ? "tripped" : "well")),
      element("td", { "data-label": "Resets when", class: "text why" }, breaker.resets),
    ),
  );
  if (rows.length === 0) rows.push(element("tr", {}, element("td", { class: "text empty", colspan: 6 }, "No breaker is set.")));
  $("breakers").replaceChildren(...rows);
}

function showDrill(drill) {
  const reached = drill && [drill.flat_s !== null && `flat after ${FORMATS.one(drill.flat_s)} s`, drill.verified_s !== null && `verified after ${FORMATS.one(drill.verified_s)} s`].filter(Boolean).join(", ");
  $("drill").textContent = drill
    ? `${dateAndClock(drill.at_ms)}, ${drill.world}: ${drill.verb} ${drill.done ? "done" : "NOT done"}${reached ? `, ${reached}` : ""}.`
    : "None is recorded here. Once a month, on paper, testnet or demo: scripts/kill_switch.py flatten --drill";
  $("drill").dataset.tone = drill?.done ? "good" : "warn";
}

function showAlerts(alerts) {
  if (!alerts) {
    $("alerts").replaceChildren(element("li", { class: "empty" }, "No alerts run here."));
    return;
  }
  const standing = alerts.standing.map(alertItem);
  $("alerts").replaceChildren(...(standing.length ? standing : [element("li", { class: "empty" }, "Nothing lasts that is worth a message.")]));
  const channels = alerts.channels.map((name) => pair(name, alerts.errors[name] ?? "no complaint", alerts.errors[name] ? "bad" : "good"));
  if (channels.length === 0) channels.push(pair("Channels", "none is set"));
  pairs($("post"), [...channels, pair("Delivered, with proof", FORMATS.count(alerts.delivered)), pair("Waiting", FORMATS.count(alerts.waiting)), pair("Dropped", FORMATS.count(alerts.dropped))], "");
}
