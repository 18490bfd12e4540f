// The page of verbs: what each would leave, a typed phrase, and what was answered. Nothing is sent before the phrase stands there.

import { btc, percent1, price, UNKNOWN } from "./format.js";
import { element } from "./lists.js";

const REFRESH_MS = 3_000;
const REST_MS = 1_000; // after an answer: the second half of a double click is not another question

export class VerbPage {
  constructor(line, root = document) {
    this.line = line;
    this.$ = (id) => root.getElementById(id);
    this.askedAt = -Infinity;
    this.cards = new Map();
    this.waiting = null;
    this.$("verb-token").addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem("operate", this.$("operate").value.trim());
      this.$("operate").value = "";
      this.$("verb-token").hidden = true;
      this.waiting?.();
    });
  }

  tick(now) {
    if (now - this.askedAt < REFRESH_MS) return;
    this.askedAt = now;
    this.#load();
  }

  async #load() {
    const found = await this.line.ask("/api/v1/verbs");
    if (!found) {
      if (this.cards.size === 0) this.$("verbs").replaceChildren(element("li", { class: "empty" }, "This daemon takes no verbs here."));
      return;
    }
    this.$("latch").hidden = !found.latch?.closed;
    this.$("latch").textContent = found.latch?.closed ? `The halt latch is closed: ${found.latch.why}` : "";
    if (this.cards.size === 0) this.$("verbs").replaceChildren();
    for (const offer of found.verbs) {
      if (!this.cards.has(offer.verb)) {
        const card = new Card(offer, (given) => this.#send(offer.verb, given).finally(() => setTimeout(() => card.free(), REST_MS)));
        this.cards.set(offer.verb, card);
        this.$("verbs").append(card.item);
      }
      this.cards.get(offer.verb).show(offer);
    }
  }

  // Sends a verb. Without a token that may operate it asks for one, and then goes on.
  async #send(verb, given) {
    const token = sessionStorage.getItem("operate") ?? this.line.token;
    this.#say(`${verb}: asking …`, "info");
    let response;
    try {
      response = await fetch(`/api/v1/verbs/${verb}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify(given),
        signal: AbortSignal.timeout(15_000),
      });
    } catch {
      this.#say(`${verb}: no answer. It may have been taken in or not: look at the mode above before asking again.`, "bad");
      return;
    }
    if (response.status === 401 || response.status === 403) {
      sessionStorage.removeItem("operate");
      this.#say(`${verb}: refused, a token that may operate is needed.`, "bad");
      this.$("verb-token").hidden = false;
      this.$("operate").focus();
      this.waiting = () => this.#send(verb, given);
      return;
    }
    const answer = await response.json().catch(() => null);
    this.#say(`${verb}: ${answer?.text ?? `refused (${response.status})`}`, response.ok ? "good" : "bad");
    this.cards.get(verb)?.clear();
    this.askedAt = -Infinity;
  }

  #say(text, tone) {
    this.$("verb-said").textContent = text;
    this.$("verb-said").dataset.tone = tone;
    this.$("announcer").textContent = text;
  }
}

// One verb: a form that stays what a person has typed while its preview is renewed.
class Card {
  constructor(offer, send) {
    const id = `verb-${offer.verb}`;
    this.what = element("p", { class: "what" });
    this.leaves = element("dl", { class: "pairs" });
    this.reason = element("input", { id: `${id}-reason`, maxlength: 200, autocomplete: "off" });
    this.amount = element("input", { id: `${id}-amount`, inputmode: "decimal", autocomplete: "off" });
    this.phrase = element("input", { id: `${id}-phrase`, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
    this.phraseLabel = element("label", { for: `${id}-phrase` });
    this.isAsking = false;
    this.button = element("button", { type: "submit" }, offer.verb);
    const field = (wanted, label, input) => (wanted ? element("div", { class: "field" }, label, input) : null);
    this.form = element(
      "form",
      {},
      field(true, element("label", { for: `${id}-reason` }, offer.needs_reason ? "Reason" : "Reason, if you like"), this.reason),
      field(offer.takes_amount, element("label", { for: `${id}-amount` }, "Amount, USDT; empty: as much as can be"), this.amount),
      field(offer.confirm, this.phraseLabel, this.phrase),
      this.button,
    );
    this.item = element("li", { class: offer.leaves ? "verb grave" : "verb" }, element("h3", {}, offer.verb), this.what, this.leaves, this.form);
    this.form.addEventListener("input", () => this.#weigh());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.button.disabled) return;
      this.isAsking = true;
      this.#weigh();
      const amount = this.amount.value.trim();
      send({ reason: this.reason.value.trim(), confirm: this.phrase.value.trim(), ...(amount ? { amount_usdt: amount } : {}) });
    });
  }

  show(offer) {
    this.offer = offer;
    this.what.textContent = offer.what;
    this.phraseLabel.textContent = `Type “${offer.confirm}” to confirm`;
    this.leaves.hidden = !offer.leaves;
    if (offer.leaves) {
      const { long_btc: long, short_btc: short, delta_btc: delta, ltv_ratio: ltv, liquidation_usdt: liquidation } = offer.leaves;
      const facts = [["Leaves long", btc(long), "BTC"], ["Leaves short", btc(short), "BTC"], ["Leaves delta", btc(delta), "BTC"], ["Leaves LTV", percent1(ltv), "%"], ["Liquidation then", liquidation === null && delta !== null ? "none seen" : price(liquidation), liquidation === null ? "" : "USDT"]];
      this.leaves.replaceChildren(...facts.map(([name, value, unit]) => element("div", {}, element("dt", {}, name), element("dd", {}, value, value === UNKNOWN ? null : element("span", { class: "unit" }, ` ${unit}`)))));
    }
    this.#weigh();
  }

  clear() {
    this.form.reset();
    this.#weigh();
  }

  // The one question was answered, or not: the next may be asked.
  free() {
    this.isAsking = false;
    this.#weigh();
  }

  #weigh() {
    const { confirm, needs_reason: needsReason } = this.offer;
    this.button.disabled = this.isAsking || (confirm && this.phrase.value.trim() !== confirm) || (needsReason && !this.reason.value.trim());
  }
}
