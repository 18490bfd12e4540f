// Numbers and times as people read them. Everything here takes what the status document holds (decimal strings, numbers, null) and
// returns text; null, the unavailable, is the word "unknown" and never a zero.

export const UNKNOWN = "unknown";

const number = (digits, sign = false) => {
  const format = new Intl.NumberFormat("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: sign ? "exceptZero" : "negative",
  });
  return (value) => (value === null || value === undefined ? UNKNOWN : minus(format.format(value)));
};

// A hyphen is no minus: it is shorter than a digit and columns jump.
const minus = (text) => text.replace("-", "−");

const percent = (digits, sign = false) => {
  const format = number(digits, sign);
  return (value) => (value === null || value === undefined ? UNKNOWN : format(Number(value) * 100));
};

const words = (value) => (value === null || value === undefined || value === "" ? UNKNOWN : String(value));

export const btc = number(4);
export const btcSigned = number(4, true);
export const usdt = number(2);
export const usdtSigned = number(2, true);
export const price = number(2);
export const percent1 = percent(1);
export const percent2 = percent(2);
export const percent2Signed = percent(2, true);
const bp = (format) => (value) => (value === null || value === undefined ? UNKNOWN : format(Number(value) * 10_000));

// By name, for `data-as` in the page.
export const FORMATS = {
  "text": words,
  "lower": (value) => words(value).toLowerCase().replaceAll("_", " "),
  "said": (value) => (value === "" ? "nothing" : words(value).toLowerCase()), // nobody need speak
  "count": number(0),
  "one": number(1),
  "btc": btc,
  "btc-signed": btcSigned,
  "btc-or-none": (value) => (value === null || value === undefined ? "–" : btc(value)), // no hedge in motion
  "usdt": usdt,
  "usdt-4": number(4),
  "bp-signed": bp(number(1, true)),
  "price-or-never": (value) => (value === null || value === undefined ? "at no price seen" : price(value)),
  "usdt-if-armed": (value) => (value === null || value === undefined ? "not armed" : usdtSigned(value)),
  "yes": (value) => (value === null || value === undefined ? UNKNOWN : value ? "yes" : "no"),
  "usdt-signed": usdtSigned,
  "usdt-cost": (value) => (value === null || value === undefined ? UNKNOWN : usdtSigned(negated(value))),
  "price": price,
  "entry": (value) => (value === null || value === undefined ? "–" : price(value)), // a leg that is flat began nowhere
  "percent-0": percent(0),
  "percent-1": percent(1),
  "percent-1-signed": percent(1, true),
  "percent-2": percent(2),
  "percent-2-signed": percent(2, true),
  "percent-4-signed": percent(4, true),
  "duration": (value) => (value === null || value === undefined ? UNKNOWN : duration(value)),
};

// A decimal string with its sign turned, without a detour through floats.
function negated(value) {
  const text = String(value);
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}

// 14:03:05, and the day where it is not the day of `now`.
export function clock(atMs, nowMs) {
  const iso = new Date(atMs).toISOString();
  const time = iso.slice(11, 19);
  if (nowMs === undefined || iso.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10)) return time;
  return `${iso.slice(5, 10)} ${time}`;
}

export function dateAndClock(atMs) {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// The two largest parts of a span: 3 d 4 h, 1 h 57 min, 2 min 5 s, 0.4 s.
export function duration(seconds, digits = 1) {
  const s = Math.max(0, seconds);
  if (s < 10) return `${digits ? s.toFixed(digits) : Math.floor(s)} s`;
  const whole = Math.floor(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}
