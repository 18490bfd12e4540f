// The page of health: verdicts, streams and how long they stand so, the process, alerts.

import { duration, FORMATS } from "./format.js";
import { element, pair, pairs, verdicts } from "./lists.js";

const $ = (id) => document.getElementById(id);
const TONES = { info: "info", warning: "warn", critical: "bad" };

export function showHealth(doc, store) {
  verdicts($("verdicts"), doc.health);
  const streams = Object.entries(doc.health.streams).map(([name, up]) => {
    const since = doc.health.stream_since_ms?.[name];
    const span = since ? ` for ${duration((doc.now_ms - since) / 1000 / store.speed, 0)}` : "";
    return pair(name.replace(/^./, (letter) => letter.toUpperCase()), `${up ? "up" : "down"}${span}`, up ? "good" : "bad");
  });
  pairs($("streams"), streams, "No stream yet.");
  const queues = Object.entries(doc.process.queues).map(([name, { depth, limit }]) => pair(name.replace(/^./, (letter) => letter.toUpperCase()), limit === null ? `${depth}` : `${depth} of ${limit}`));
  pairs($("queues"), queues, "");
  const bad = Object.entries(doc.health.bad_inputs).map(([kind, count]) => pair(kind, FORMATS.count(count)));
  pairs($("bad-inputs"), bad, "None since the books began.");
  showAlerts(doc.alerts);
}

function showAlerts(alerts) {
  if (!alerts) {
    $("alerts").replaceChildren(element("li", { class: "empty" }, "No alerts run here."));
    return;
  }
  const standing = alerts.standing.map((alert) => element("li", {}, element("span", { class: `badge ${TONES[alert.severity]}` }, alert.severity), element("span", {}, alert.title, element("small", {}, alert.text))));
  $("alerts").replaceChildren(...(standing.length ? standing : [element("li", { class: "empty" }, "Nothing lasts that is worth a message.")]));
  const channels = alerts.channels.map((name) => pair(name, alerts.errors[name] ?? "no complaint", alerts.errors[name] ? "bad" : "good"));
  if (channels.length === 0) channels.push(pair("Channels", "none is set"));
  pairs($("post"), [...channels, pair("Delivered, with proof", FORMATS.count(alerts.delivered)), pair("Waiting", FORMATS.count(alerts.waiting)), pair("Dropped", FORMATS.count(alerts.dropped))], "");
}
