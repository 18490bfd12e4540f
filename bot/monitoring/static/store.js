// What the page knows: the newest status document, and what time it is in the market.

// Ages and the market's clock go on between two messages, from the moment the message came. Real time is the browser's own
// monotonic clock; market time may run faster (a tape) and is never taken from the machine's date.
export class Store {
  constructor() {
    this.doc = null;
    this.heardAt = null; // performance.now() of the newest word from the server, ms
    this.troubled = null; // what the server says is wrong with itself
    this.seenMs = {}; // when things were last heard, market time
    this.baseMs = null; // market time at `baseAt`
    this.baseAt = null;
  }

  heard(at) {
    this.heardAt = at;
  }

  // Take in a whole document or the sections that changed.
  merge(sections, at) {
    this.heardAt = at;
    if ("trouble" in sections) this.troubled = sections.trouble;
    const { trouble, ...news } = sections;
    if (!("now_ms" in news)) return;
    this.doc = { ...this.doc, ...news };
    this.baseMs = news.now_ms;
    this.baseAt = at;
    if (news.market) this.seenMs.price = since(news.now_ms, news.market.age_ms);
    if (news.loan) this.seenMs.loan = since(news.now_ms, news.loan.age_ms);
    if (news.book) this.seenMs.reconciled = since(news.now_ms, news.book.reconciled_age_ms);
  }

  get speed() {
    return this.doc?.speed || 1;
  }

  // Market time now, ms; null before the first document.
  marketNow(at) {
    return this.baseMs === null ? null : this.baseMs + (at - this.baseAt) * this.speed;
  }

  // Real seconds since `what` (price, reconciled) was heard; null where it never was.
  age(what, at) {
    const seen = this.seenMs[what];
    return seen === null || seen === undefined ? null : (this.marketNow(at) - seen) / 1000 / this.speed;
  }

  silence(at) {
    return this.heardAt === null ? null : (at - this.heardAt) / 1000;
  }
}

const since = (nowMs, ageMs) => (ageMs === null || ageMs === undefined ? null : nowMs - ageMs);

export function at(doc, path) {
  return path.split(".").reduce((inner, name) => inner?.[name], doc);
}
