// The line to the daemon: server-sent events, read with fetch so that a token can be shown and a refusal understood. It comes back
// by itself for ever, and says at every moment how it stands.

const SILENT_AFTER_MS = 12_000; // the server speaks every 5 s at least
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const POLL_MS = 5_000;

export class Line {
  // `on.status(sections)`, `on.beat()` and `on.state(state, details)` with state connecting, live, polling, lost or locked.
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.retryAt = null;
    this.lastWord = null;
    this.timer = null;
    this.abort = null;
    setInterval(() => this.#watch(), 1_000);
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => !document.hidden && this.retryAt && this.now());
  }

  get token() {
    return sessionStorage.getItem("token");
  }

  set token(value) {
    if (value) sessionStorage.setItem("token", value);
    else sessionStorage.removeItem("token");
  }

  // Try at once, whatever was planned.
  now() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.#open();
  }

  // One JSON document, or null where there is none to be had.
  async ask(path) {
    try {
      const response = await fetch(path, { headers: this.#headers(), signal: AbortSignal.timeout(5_000) });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  async #open() {
    const abort = new AbortController();
    this.abort = abort;
    this.retryAt = null;
    this.lastWord = performance.now();
    let refusal = null;
    try {
      const response = await fetch("/api/v1/stream", { headers: this.#headers(), signal: abort.signal });
      if (response.ok) {
        this.failures = 0;
        await this.#read(response.body);
      } else {
        refusal = response.status;
      }
    } catch {
      // A cut line and an aborted one look alike and are mended alike.
    }
    if (this.abort === abort) await this.#again(refusal);
  }

  async #read(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.lastWord = performance.now();
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) this.#hear(event);
    }
  }

  #hear(event) {
    let name = "message";
    let data = "";
    for (const line of event.split("\n")) {
      if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (name === "status") this.on.status(JSON.parse(data));
    if (name === "beat") this.on.beat();
    if (name === "status" || name === "beat") this.on.state("live");
  }

  async #again(refusal) {
    if (refusal === 401) {
      this.token = null;
      this.on.state("locked", "");
      return;
    }
    if (refusal === 429) {
      this.on.state("locked", "Too many wrong tokens from here: wait a minute.");
      return;
    }
    let waitMs = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    const doc = refusal === 503 ? await this.ask("/api/v1/status") : null;
    if (doc) {
      waitMs = POLL_MS;
      this.on.status(doc);
    }
    this.retryAt = performance.now() + waitMs;
    this.on.state(doc ? "polling" : "lost");
    this.timer = setTimeout(() => this.#open(), waitMs);
  }

  // A line may be dead without an end: a phone that changed networks, a sleeping laptop.
  #watch() {
    if (this.retryAt === null && this.lastWord !== null && performance.now() - this.lastWord > SILENT_AFTER_MS) this.abort?.abort();
  }

  #headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }
}
