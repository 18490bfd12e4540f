// Pages that read the journal: the whole book's profit, decisions of long ago and one told in full, fills, notes.

import { clock, UNKNOWN, usdtSigned } from "./format.js";
import { element, OUTCOME_TONES } from "./lists.js";
import { cells, rows } from "./tables.js";

const REFRESH_MS = 5_000;
const FILLS = [["at_ms", "time", "When"], ["kind", "text", "Kind"], ["side", "text", "Side"], ["qty_btc", "btc", "Quantity"], ["price_usdt", "price", "Price"], ["fee_usdt", "cost", "Fee"], ["order", "id", "Id"]];
const NOTES = [["at_ms", "time", "When"], ["what", "text", "What"], ["text", "text", "Said"]];

export class Journal {
  constructor(line, root = document) {
    this.line = line;
    this.$ = (id) => root.getElementById(id);
    this.asked = {};
    this.outcome = "";
    this.decisions = [];
    for (const button of root.querySelectorAll("#outcomes [data-outcome]")) button.addEventListener("click", () => this.#only(button));
    this.$("earlier-load").addEventListener("click", () => this.#loadDecisions());
    this.buttons = [...root.querySelectorAll("#outcomes [data-outcome]")];
  }

  // Called every quarter second with the page that is shown.
  tick(page, now, nowMs) {
    this.nowMs = nowMs;
    if (now - (this.asked[page] ?? -Infinity) < (page === "decisions" ? Infinity : REFRESH_MS)) return;
    this.asked[page] = now;
    if (page === "overview") this.#loadWhole();
    if (page === "decisions") this.#loadDecisions();
    if (page === "orders") this.#load("/api/v1/fills?limit=100", "fills", FILLS, "Nothing was traded yet.");
    if (page === "health") this.#load("/api/v1/notes?limit=30", "notes", NOTES, "Nothing to tell.");
  }

  async #load(path, name, columns, empty) {
    const found = await this.line.ask(path);
    if (found) rows(this.$(name), found[name], columns, this.nowMs, empty);
  }

  // A hedge that loses what the coin gains is no loss: both together are told beside it.
  async #loadWhole() {
    const found = await this.line.ask("/api/v1/pnl?by=cause");
    this.$("whole").textContent = found ? usdtSigned(found.total_usdt) : UNKNOWN;
    this.$("whole").classList.toggle("none", !found);
  }

  async #loadDecisions() {
    const found = await this.line.ask("/api/v1/decisions?limit=500");
    if (found) this.decisions = found.decisions;
    this.#showDecisions();
  }

  #only(button) {
    this.outcome = button.dataset.outcome;
    for (const each of this.buttons) each.setAttribute("aria-pressed", String(each === button));
    this.#showDecisions();
  }

  #showDecisions() {
    const list = this.decisions.filter((row) => !this.outcome || row.outcome === this.outcome);
    const shown = list.slice(0, 100).map((row) => {
      const open = element("button", { type: "button", class: "link" }, String(row.decision));
      open.addEventListener("click", () => this.#tell(row.decision));
      return element(
        "tr",
        {},
        cells.time(row.at_ms, this.nowMs),
        element("td", { class: "text", "data-label": "Number" }, open),
        element("td", { class: "text", "data-label": "Outcome" }, element("span", { class: `badge ${OUTCOME_TONES[row.outcome] ?? ""}` }, row.outcome)),
        cells.text(row.trigger, 0, "Asked by"),
        cells.price(row.price_usdt, 0, "Price"),
        cells.btc(row.delta_btc, 0, "Delta"),
        cells.btc(row.target_delta_btc, 0, "Target"),
        element("td", { class: "text why", "data-label": "Why" }, row.reason),
      );
    });
    if (shown.length === 0) shown.push(element("tr", {}, element("td", { class: "empty text", colspan: 8 }, "None.")));
    this.$("earlier").replaceChildren(...shown);
  }

  async #tell(number) {
    const found = await this.line.ask(`/api/v1/decisions/${number}`);
    const panel = this.$("told-panel");
    panel.hidden = false;
    this.$("h-told").textContent = `Decision ${number}, told`;
    this.$("told").replaceChildren(...(found ? Object.entries(found).filter(([name]) => name !== "policy").map(section) : [element("p", {}, "The journal does not answer.")]));
    this.$("h-told").focus();
    panel.scrollIntoView({ block: "start" });
  }
}

const said = (value) => (value === null || value === undefined ? UNKNOWN : typeof value === "number" ? String(Number(value.toPrecision(8))) : String(value));

// A section of the explanation: rows as a table, facts as pairs, groups of facts under their names.
function section([name, value]) {
  const made = element("section", { class: "told-part" }, element("h3", {}, name.replace(/^./, (letter) => letter.toUpperCase())));
  if (Array.isArray(value)) {
    const names = Object.keys(value[0] ?? {});
    const head = element("thead", {}, element("tr", {}, ...names.map((each) => element("th", { scope: "col", class: "text" }, each.replaceAll("_", " ")))));
    const body = value.map((row) => element("tr", {}, ...names.map((each) => element("td", { class: "text", "data-label": each.replaceAll("_", " ") }, each === "at_ms" ? clock(row[each]) : said(row[each])))));
    made.append(element("table", { class: "grid" }, head, element("tbody", {}, ...body)));
    return made;
  }
  const entries = Object.entries(value).flatMap(([key, inner]) => (inner !== null && typeof inner === "object" ? Object.entries(inner).map(([each, deep]) => [`${key} ${each}`, deep]) : [[key, inner]]));
  made.append(element("dl", { class: "pairs columns" }, ...entries.map(([key, inner]) => element("div", {}, element("dt", {}, key.replaceAll("_", " ")), element("dd", {}, key.endsWith("_ms") && inner > 1e12 ? `${clock(inner)} UTC` : said(inner))))));
  return made;
}
