// The page, wired: the line to the daemon feeds the store, the store feeds the fields, the drawings and the lists.

import { Charts } from "./charts.js";
import { gauge, Spark } from "./draw.js";
import { btc, btcSigned, dateAndClock, duration, FORMATS, UNKNOWN, usdtSigned } from "./format.js";
import { showGlance, showTodo } from "./glance.js";
import { Decisions, element, keepTables, orders } from "./lists.js";
import { showHealth } from "./health.js";
import { Journal } from "./journal.js";
import { ladder, Loan, toneOfRung } from "./loan.js";
import { Rates } from "./rates.js";
import { at, Store } from "./store.js";
import { Line } from "./stream.js";
import { VerbPage } from "./verbs.js";

const $ = (id) => document.getElementById(id);
takeToken();
const store = new Store();
const spark = new Spark($("spark"), $("spark-note"));
const decisions = new Decisions($("decisions"));
const fields = [...document.querySelectorAll("[data-field]")];
const OLD_PRICE_S = 30; // the engine says what is stale; the page says what is old, should the engine itself have stopped

let link = "connecting";
let announcedMode = null;
let announcedLink = "live";

const line = new Line({
  status: (sections) => {
    store.merge(sections, performance.now());
    render();
  },
  beat: () => store.heard(performance.now()),
  state: (state, note) => setLink(state, note),
});

// Each page's own part: rendered when something changed, ticked while it is shown.
const own = {
  charts: new Charts(line),
  loan: new Loan(line),
  rates: new Rates(line),
  verbs: new VerbPage(line),
};
const journal = new Journal(line);
const shown = () => document.documentElement.dataset.page;

// -- the line ---------------------------------------------------------------------------------------------------------

function setLink(state, note = "") {
  const before = link;
  link = state;
  $("unlock").hidden = state !== "locked";
  if (state === "locked") {
    $("unlock-note").textContent = note;
    if (before !== "locked") $("token").focus();
  }
  if (state === "live" && before !== "live") loadTrail();
  tick();
}

// A link that opens the page carries its token behind the #, which no browser sends. It is taken, and leaves the address at once.
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return false;
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", "#/overview");
  return true;
}

async function loadTrail() {
  const trail = await line.ask("/api/v1/trail");
  if (trail) spark.load(trail);
}

$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  line.token = $("token").value.trim();
  $("token").value = "";
  line.now();
});

// How the page stands with the daemon: live, polling, or why not.
function standing(now) {
  if (link === "locked") return "locked";
  if (store.troubled) return "trouble";
  if (link === "live" && store.silence(now) > 12) return "quiet";
  return link;
}

// -- what happens every second ----------------------------------------------------------------------------------------

function tick() {
  const now = performance.now();
  const state = standing(now);
  document.documentElement.dataset.link = state;
  showLink(state, now);
  if (!store.doc) return;
  const fresh = state === "live" || state === "polling";
  showWorld(fresh ? store.marketNow(now) : store.baseMs);
  showAges(now);
  showTitle(fresh);
  if (fresh) spark.add(store.doc, store.marketNow(now), now);
  if (!fresh || document.hidden) return;
  own[shown()]?.tick?.(now, store.baseMs);
  journal.tick(shown(), now, store.baseMs);
}

function showLink(state, now) {
  const silence = store.silence(now);
  $("link").textContent = { live: "live", polling: "live, every 5 s", connecting: "connecting", locked: "locked" }[state] ?? "not live";
  const alarm = $("alarm");
  alarm.hidden = !["lost", "quiet", "trouble"].includes(state);
  const from = store.baseMs === null ? "" : ` What you see is from ${dateAndClock(store.baseMs)}.`;
  const long = state === "trouble" || (silence !== null && silence > 30) ? " On its machine: hedgelock status. Without it: scripts/kill_switch.py --dry-run." : "";
  const retry = line.retryAt === null ? " Trying again." : ` Trying again in ${Math.ceil(Math.max(0, line.retryAt - now) / 1000)} s.`;
  const said = { lost: "Connection lost", quiet: "No word from the daemon", trouble: `The daemon says: ${store.troubled}` }[state];
  const heard = state === "trouble" || silence === null ? "" : ` for ${duration(silence, 0)}`;
  if (said) alarm.textContent = `${said}${heard}.${from}${state === "trouble" ? "" : retry}${long}`;
  const settled = alarm.hidden ? "live" : "lost";
  if (settled !== announcedLink && state !== "connecting") {
    announcedLink = settled;
    announce(settled === "lost" ? "Connection to HedgeLock lost" : "Connection to HedgeLock is back");
  }
}

function showWorld(nowMs) {
  const { world, speed } = store.doc;
  const when = dateAndClock(nowMs);
  const text = {
    paper: speed === 1 ? `paper: tape time ${when}` : `paper: tape time ${when} at ${speed}x`,
    mainnet: `mainnet, real money: ${when}`,
  }[world];
  $("world").textContent = text ?? `${world}: ${when}`;
  $("world").dataset.world = world;
}

function showTitle(fresh) {
  const { mode, book } = store.doc;
  const delta = book.delta_btc === null ? "Δ unknown" : `Δ ${btcSigned(book.delta_btc)} BTC`;
  document.title = `${fresh ? "" : "NOT LIVE "}${mode.name} ${delta} · HedgeLock`;
}

function showAges(now) {
  const age = store.age("price", now);
  $("price-age").textContent = age === null ? UNKNOWN : `${duration(age)} ago`;
  $("price-age").classList.toggle("none", age === null);
  const stale = store.doc.market.stale;
  const old = age !== null && age > OLD_PRICE_S;
  $("market").classList.toggle("stale", stale || old);
  $("stale").hidden = !(stale || old);
  $("stale").textContent = stale ? "stale" : "old";
  $("glance-age").textContent = `${age === null ? "age unknown" : `${duration(age)} ago`}${stale ? ", STALE" : old ? ", old" : ""}`;
  $("glance-age").dataset.tone = stale || old || age === null ? "bad" : "good";
  const reconciled = store.age("reconciled", now);
  $("reconciled-age").textContent = reconciled === null ? "not yet agreed with the venue" : `agreed with the venue ${duration(reconciled)} ago`;
  $("reconciled-age-2").textContent = reconciled === null ? "not yet" : `${duration(reconciled)} ago`;
  for (const id of ["funding-due", "funding-due-2"]) $(id).textContent = due(store.doc.funding.next_ms, store.marketNow(now));
  const loan = store.age("loan", now);
  $("loan-age").textContent = loan === null ? UNKNOWN : `${duration(loan)} ago`;
}

function due(nextMs, nowMs) {
  if (nextMs === null || nextMs === undefined) return UNKNOWN;
  if (nextMs <= nowMs) return "now";
  const market = duration((nextMs - nowMs) / 1000);
  return store.speed === 1 ? market : `${market} (${duration((nextMs - nowMs) / 1000 / store.speed)} real)`;
}

// -- what happens when something changed ------------------------------------------------------------------------------

function render() {
  const { doc } = store;
  if (!doc) return;
  for (const field of fields) fill(field, at(doc, field.dataset.field));
  showSum(doc);
  showMode(doc);
  showDelta(doc);
  showTodo(doc);
  decisions.render(doc.decisions, doc.now_ms);
  orders($("orders"), doc.orders, doc.now_ms);
  showLoan(doc);
  showHealth(doc, store);
  own[shown()]?.render?.(doc);
  keepTables();
  tick();
}

function fill(field, value) {
  const text = FORMATS[field.dataset.as](value);
  if (field.textContent !== text) field.textContent = text;
  field.classList.toggle("none", value === null || value === undefined);
  if (typeof value === "string") field.title = value;
  if (field.dataset.tone === "sign") field.dataset.sign = String(Math.sign(Number(value ?? 0)));
}

// Parts that were rounded one by one miss the rounded total by a cent now and then. A person adds up what is shown, so the residue is
// shown in the unrealised part, which is an estimate at the mark anyway; the exact figures are in the titles and in the API.
function showSum({ pnl }) {
  if (pnl.total_usdt === null || pnl.unrealised_usdt === null) return;
  const cents = (value) => Math.round(Number(value) * 100);
  const rest = cents(pnl.total_usdt) - cents(pnl.realised_usdt) - cents(pnl.funding_usdt) + cents(pnl.fees_usdt);
  $("unrealised").textContent = usdtSigned(rest / 100);
}

const MAY = {
  STARTING: "It is learning its world and sends nothing yet.",
  OBSERVE: "It decides and shows, and sends nothing.",
  TRADING: "It may hedge.",
  BLIND: "It may shrink the risk, and grow nothing.",
  REDUCING: "It may shrink the risk, and grow nothing.",
  EMERGENCY: "It carries out what a person asked for, and nothing else.",
  HALTED: "It sends nothing until a person resumes it.",
};

function showMode(doc) {
  const { name, why } = doc.mode;
  $("mode").textContent = name;
  $("mode").dataset.mode = name;
  $("why").textContent = `${why}. `;
  $("may").textContent = MAY[name] ?? "";
  const reasons = [...new Set([...doc.health.live.reasons, ...doc.health.ready.reasons])].filter((reason) => reason !== why);
  $("reasons").replaceChildren(...reasons.map((reason) => element("li", {}, reason)));
  $("reasons").hidden = reasons.length === 0;
  if (name !== announcedMode) {
    if (announcedMode !== null) announce(`Mode is now ${name}: ${why}`);
    announcedMode = name;
  }
}

function showLoan({ loan }) {
  const reckoned = loan.rung !== "UNKNOWN"; // without a rung nothing was reckoned, and "no price" would be a claim
  for (const field of document.querySelectorAll('[data-as="price-or-never"].none')) field.textContent = reckoned ? "at no price seen" : UNKNOWN;
  for (const field of document.querySelectorAll('.distances .none[data-field^="loan.distance"]')) field.textContent = reckoned ? "–" : UNKNOWN;
  for (const id of ["loan-rung", "loan-rung-2"]) $(id).className = `badge ${toneOfRung(loan.rung)}`;
  if (shown() === "overview") ladder($("ladder-short"), { value: loan.ltv_ratio, rungs: loan.ladder?.ltv ?? [], end: 1, name: "Loan-to-value" });
}

function announce(text) {
  $("announcer").textContent = text;
}

function showDelta(doc) {
  const delta = doc.book.delta_btc === null ? null : Number(doc.book.delta_btc);
  const target = doc.target.delta_btc === null ? null : Number(doc.target.delta_btc);
  const band = Number(doc.target.band_btc);
  const [text, tone] = deltaVerdict(doc, delta, target, band);
  $("delta-verdict").textContent = text;
  $("delta-verdict").dataset.tone = tone;
  gauge($("gauge"), { delta, target, band });
  showGlance(doc, [text, tone]);
}

function deltaVerdict(doc, delta, target, band) {
  if (delta === null) return ["Delta is unknown", "bad"];
  if (doc.target.hedging) return ["A hedge is in motion", "info"];
  if (target === null) return ["No target yet", "warn"];
  const beyond = Math.abs(delta - target) - band;
  if (beyond > 1e-9) return [`Outside the band by ${btc(beyond)} BTC`, "warn"];
  return ["Inside the band", "good"];
}

// -- pages ------------------------------------------------------------------------------------------------------------

const links = [...document.querySelectorAll("nav a")];
const PAGES = links.map((anchor) => anchor.hash.slice(2));

function route() {
  if (location.hash && !location.hash.startsWith("#/")) return; // a place on the page, not another page
  const wanted = location.hash.slice(2);
  const page = PAGES.includes(wanted) ? wanted : PAGES[0];
  document.documentElement.dataset.page = page;
  for (const section of document.querySelectorAll("[data-pages]")) {
    section.hidden = !section.dataset.pages.split(" ").includes(page);
  }
  links.forEach((anchor, index) => {
    if (PAGES[index] === page) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  });
  redraw();
}

// A drawing has no width while it is hidden.
function redraw() {
  if (!store.doc) return;
  showDelta(store.doc);
  showLoan(store.doc);
  own[shown()]?.render?.(store.doc);
  keepTables();
}

addEventListener("hashchange", () => {
  if (takeToken()) line.now();
  route();
  $("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("resize", redraw);
route();
setInterval(tick, 250);
line.now();
