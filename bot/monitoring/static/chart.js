// A line chart over time in SVG: gaps where nothing is known, a cursor, and a stretch to zoom into. It draws what it is given and asks for
// nothing: whoever owns it hears of a wish to zoom and of where the cursor stands.

import { clock, duration, UNKNOWN } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const LEFT = 68;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 22;

export function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// About `count` round numbers inside [low, high].
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

const STEPS_S = [60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

function timeTicks(fromMs, toMs, count) {
  const rough = (toMs - fromMs) / 1000 / Math.max(1, count);
  const step = (STEPS_S.find((s) => s >= rough) ?? Math.ceil(rough / 2592000) * 2592000) * 1000;
  const found = [];
  for (let at = Math.ceil(fromMs / step) * step; at <= toMs; at += step) found.push(at);
  return { found, step };
}

const timeLabel = (atMs, step) => (step >= 86_400_000 || atMs % 86_400_000 === 0 ? new Date(atMs).toISOString().slice(5, 10) : clock(atMs).slice(0, 5));

export class Chart {
  // `lines`: { name, label, format, tone } by column name; `band`: names of a low and a high column, shaded; `on.zoom(from, to)`,
  // `on.cursor(atMs or null)`.
  constructor(host, { title, unit, lines, band = null, zero = false, on = {} }) {
    Object.assign(this, { host, title, unit, lines, band, zero, on });
    this.data = null;
    this.cursorAt = null;
    this.drag = null;
    host.classList.add("chart");
    host.tabIndex = 0;
    host.setAttribute("role", "slider");
    host.setAttribute("aria-label", `${title}, ${unit}. Arrows move through time, plus and minus zoom.`);
    this.key = document.createElement("p");
    this.key.className = "key";
    this.plot = document.createElement("div");
    this.plot.className = "plot";
    host.append(this.key, this.plot);
    this.plot.addEventListener("pointermove", (event) => this.#moved(event));
    this.plot.addEventListener("pointerleave", () => this.drag || this.#cursor(null));
    this.plot.addEventListener("pointerdown", (event) => this.#pressed(event));
    this.plot.addEventListener("pointerup", (event) => this.#released(event));
    this.plot.addEventListener("dblclick", () => this.#zoomed(2));
    this.plot.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false });
    host.addEventListener("keydown", (event) => this.#typed(event));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  // `columns` with at_ms and the names of the lines; `fromMs` and `toMs` are what is looked at.
  show(columns, fromMs, toMs) {
    this.data = columns;
    [this.fromMs, this.toMs] = [fromMs, Math.max(toMs, fromMs + 1)];
    this.draw();
  }

  // The cursor of a neighbour: both stand at one moment.
  follow(atMs) {
    this.cursorAt = atMs;
    this.draw();
  }

  draw() {
    const width = this.plot.clientWidth;
    const height = this.plot.clientHeight;
    if (!this.data || width < 120 || height < 60) return;
    const times = this.data.at_ms ?? [];
    const [low, high] = this.#reach();
    const x = (atMs) => LEFT + ((atMs - this.fromMs) / (this.toMs - this.fromMs)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
    this.scale = { x, y, width };
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    svg.append(...this.#grid(x, y, low, high, width, height));
    if (this.band) svg.append(shape("path", { d: this.#area(times, x, y), class: "area" }));
    for (const line of this.lines) svg.append(shape("path", { d: this.#path(times, this.data[line.name] ?? [], x, y), class: `series ${line.tone}` }));
    const index = this.#index();
    if (index !== null) svg.append(...this.#cross(index, x, y, height));
    if (this.drag) svg.append(this.#stretch(height));
    this.plot.replaceChildren(svg);
    this.#tell(index);
  }

  #reach() {
    let low = this.zero ? 0 : Infinity;
    let high = this.zero ? 0 : -Infinity;
    for (const name of [...this.lines.map((line) => line.name), ...(this.band ?? [])]) {
      for (const value of this.data[name] ?? []) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return [0, 1];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.001 || 0.001;
    return [low - room, high + room];
  }

  #grid(x, y, low, high, width, height) {
    const parts = [];
    const format = this.lines[0].format;
    for (const value of ticks(low, high, Math.max(2, Math.floor(height / 48)))) {
      parts.push(shape("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: value === 0 ? "grid zero" : "grid" }));
      parts.push(shape("text", { x: LEFT - 8, y: y(value) + 4, class: "label end" }, format(value)));
    }
    const { found, step } = timeTicks(this.fromMs, this.toMs, Math.floor((width - LEFT) / 84));
    for (const at of found) {
      if (x(at) < LEFT || x(at) > width - RIGHT - 10) continue;
      parts.push(shape("line", { x1: x(at), x2: x(at), y1: TOP, y2: height - BOTTOM, class: "grid" }));
      parts.push(shape("text", { x: x(at), y: height - 6, class: "label centre" }, timeLabel(at, step)));
    }
    return parts;
  }

  #path(times, values, x, y) {
    let path = "";
    let pen = "M";
    for (let i = 0; i < times.length; i += 1) {
      if (values[i] === null || values[i] === undefined) {
        pen = "M";
        continue;
      }
      path += `${pen}${x(times[i]).toFixed(1)} ${y(values[i]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }

  #area(times, x, y) {
    const [lows, highs] = this.band.map((name) => this.data[name] ?? []);
    const known = times.map((at, i) => [at, lows[i], highs[i]]).filter(([, low, high]) => low !== null && high !== null && low !== undefined);
    if (known.length < 2) return "";
    const there = known.map(([at, , high]) => `${x(at).toFixed(1)} ${y(high).toFixed(1)}`);
    const back = known.reverse().map(([at, low]) => `${x(at).toFixed(1)} ${y(low).toFixed(1)}`);
    return `M${[...there, ...back].join("L")}Z`;
  }

  #cross(index, x, y, height) {
    const at = x(this.data.at_ms[index]);
    const parts = [shape("line", { x1: at, x2: at, y1: TOP, y2: height - BOTTOM, class: "cursor" })];
    for (const line of this.lines) {
      const value = this.data[line.name]?.[index];
      if (value !== null && value !== undefined) parts.push(shape("circle", { cx: at, cy: y(value), r: 3.5, class: `point ${line.tone}` }));
    }
    return parts;
  }

  #stretch(height) {
    const [a, b] = [this.drag.from, this.drag.to].sort((p, q) => p - q);
    return shape("rect", { x: a, y: TOP, width: b - a, height: height - TOP - BOTTOM, class: "stretch" });
  }

  // The legend: names with the values under the cursor, or the newest.
  #tell(index) {
    const times = this.data.at_ms ?? [];
    const at = index ?? times.length - 1;
    const when = at < 0 ? "" : `${new Date(times[at]).toISOString().slice(0, 16).replace("T", " ")} UTC`;
    const words = this.lines.map((line) => {
      const value = this.data[line.name]?.[at];
      return [line, value === null || value === undefined ? UNKNOWN : `${line.format(value)} ${line.unit ?? this.unit}`];
    });
    const time = document.createElement("time");
    time.textContent = when;
    this.key.replaceChildren(
      ...words.map(([line, said]) => {
        const item = document.createElement("span");
        const swatch = document.createElement("i");
        swatch.className = line.tone;
        const value = document.createElement("b");
        value.textContent = said;
        item.append(swatch, `${line.label} `, value);
        return item;
      }),
      time,
    );
    this.host.setAttribute("aria-valuemin", 0);
    this.host.setAttribute("aria-valuemax", Math.max(0, times.length - 1));
    this.host.setAttribute("aria-valuenow", Math.max(0, at));
    this.host.setAttribute("aria-valuetext", `${when}: ${words.map(([line, said]) => `${line.label} ${said}`).join(", ")}`);
  }

  #index() {
    const times = this.data.at_ms ?? [];
    if (this.cursorAt === null || times.length === 0) return null;
    let low = 0;
    let high = times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] < this.cursorAt) low = middle;
      else high = middle;
    }
    return Math.abs(times[low] - this.cursorAt) <= Math.abs(times[high] - this.cursorAt) ? low : high;
  }

  #at(offsetX) {
    const inside = Math.min(Math.max(offsetX, LEFT), this.scale.width - RIGHT);
    return this.fromMs + ((inside - LEFT) / (this.scale.width - LEFT - RIGHT)) * (this.toMs - this.fromMs);
  }

  #offset(event) {
    return event.clientX - this.plot.getBoundingClientRect().left;
  }

  #cursor(atMs) {
    this.cursorAt = atMs;
    this.on.cursor?.(atMs);
    this.draw();
  }

  #moved(event) {
    if (!this.scale) return;
    if (this.drag) this.drag.to = this.#offset(event);
    this.#cursor(this.#at(this.#offset(event)));
  }

  #pressed(event) {
    if (!this.scale || event.pointerType === "touch" || event.button !== 0) return;
    this.plot.setPointerCapture(event.pointerId);
    this.drag = { from: this.#offset(event), to: this.#offset(event) };
  }

  #released() {
    const drag = this.drag;
    this.drag = null;
    if (drag && Math.abs(drag.to - drag.from) > 8) {
      const [a, b] = [this.#at(drag.from), this.#at(drag.to)].sort((p, q) => p - q);
      this.on.zoom?.(a, b);
    }
    this.draw();
  }

  // Zoom by a factor around the cursor, or around the middle.
  #zoomed(factor) {
    const middle = this.cursorAt ?? (this.fromMs + this.toMs) / 2;
    this.on.zoom?.(middle - (middle - this.fromMs) * factor, middle + (this.toMs - middle) * factor);
  }

  // A plain wheel scrolls the page; with Ctrl or Cmd it zooms, as on a map.
  #wheeled(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#zoomed(event.deltaY > 0 ? 1.25 : 0.8);
  }

  #typed(event) {
    const times = this.data?.at_ms ?? [];
    const index = this.#index() ?? times.length - 1;
    const pace = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: index - pace, ArrowRight: index + pace, Home: 0, End: times.length - 1 };
    if (event.key in moves && times.length) this.#cursor(times[Math.min(Math.max(0, moves[event.key]), times.length - 1)]);
    else if (event.key === "+" || event.key === "=") this.#zoomed(0.5);
    else if (event.key === "-") this.#zoomed(2);
    else if (event.key === "Escape") this.#cursor(null);
    else return;
    event.preventDefault();
  }
}

export const spanText = (fromMs, toMs) => duration((toMs - fromMs) / 1000);
