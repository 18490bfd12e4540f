// Two small drawings in SVG: where delta stands against its target, and where it has been.

import { btc, btcSigned, clock, duration } from "./format.js";

const NS = "http://www.w3.org/2000/svg";

function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function canvas(host, height, label) {
  const width = Math.max(160, host.clientWidth);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  return { svg, width };
}

// A scale with the target in the middle, the band around it and a marker where delta is.
export function gauge(host, { delta, target, band }) {
  if (delta === null || target === null) {
    host.replaceChildren();
    return;
  }
  const gap = delta - target;
  const half = Math.max(band * 2.5, Math.abs(gap) * 1.2, 1e-9);
  const outside = Math.abs(gap) > band;
  const label = `Delta ${btcSigned(delta)} BTC, target ${btcSigned(target)}, band plus or minus ${btc(band)}: ${outside ? "outside" : "inside"}`;
  const { svg, width } = canvas(host, 58, label);
  const x = (value) => 10 + ((value - target + half) / (2 * half)) * (width - 20);

  svg.append(shape("rect", { x: 10, y: 20, width: width - 20, height: 10, rx: 5, class: "track" }));
  const [low, high] = [x(target - band), x(target + band)];
  svg.append(shape("rect", { x: low, y: 20, width: Math.max(2, high - low), height: 10, class: "band" }));
  svg.append(shape("line", { x1: x(target), x2: x(target), y1: 16, y2: 34, class: "target" }));
  const here = x(delta);
  svg.append(shape("path", { d: `M${here - 7} 4 h14 l-7 12 z`, class: outside ? "marker out" : "marker" }));
  svg.append(shape("line", { x1: here, x2: here, y1: 14, y2: 32, class: outside ? "needle out" : "needle" }));

  const roomy = high - low > 150;
  svg.append(shape("text", { x: x(target), y: 50, class: "tick middle" }, roomy ? btcSigned(target) : `target ${btcSigned(target)}`));
  if (roomy) {
    svg.append(shape("text", { x: low, y: 50, class: "tick middle" }, btcSigned(target - band)));
    svg.append(shape("text", { x: high, y: 50, class: "tick middle" }, btcSigned(target + band)));
  }
  host.replaceChildren(svg);
}

// Delta over time with its band; a gap in knowledge is a gap in the line.
export class Spark {
  constructor(host, note) {
    this.host = host;
    this.note = note;
    this.points = []; // [at ms, delta, target, band]
    this.addedAt = -Infinity;
    this.pointer = null;
    host.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    host.addEventListener("pointerleave", () => this.#point(null));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  // The hour that the daemon remembers.
  load(trail) {
    this.points = trail.points.map(([atMs, delta, target, band]) => point(atMs, delta, target, band));
    this.draw();
  }

  // One point per second of real time, of which `now` counts the milliseconds.
  add(doc, nowMs, now) {
    const last = this.points.at(-1);
    if (now - this.addedAt < 1_000 || (last && nowMs <= last.at)) return;
    this.addedAt = now;
    this.points.push(point(nowMs, doc.book.delta_btc, doc.target.delta_btc, doc.target.band_btc));
    if (this.points.length > 3_600) this.points.shift();
    this.draw();
  }

  draw() {
    const known = this.points.filter((p) => p.delta !== null);
    if (known.length < 2) {
      this.host.replaceChildren();
      this.note.textContent = "The line of delta begins here.";
      return;
    }
    const height = Math.max(80, this.host.clientHeight);
    const { svg, width } = canvas(this.host, height, "Delta over time");
    const scale = this.#scale(known, width, height);
    svg.append(...this.#bands(scale), ...edges(scale, this.points.at(-1)), shape("path", { d: this.#line(scale, width), class: "line" }));
    const last = known.at(-1);
    svg.append(shape("circle", { cx: scale.x(last.at), cy: scale.y(last.delta), r: 3, class: "dot" }));
    const shown = this.#nearest(scale);
    if (shown) svg.append(shape("line", { x1: scale.x(shown.at), x2: scale.x(shown.at), y1: 0, y2: height, class: "cursor" }));
    this.host.replaceChildren(svg);
    this.note.textContent = shown ? this.#said(shown) : this.#summary(known);
  }

  #scale(known, width, height) {
    const [first, last] = [this.points[0].at, this.points.at(-1).at];
    let low = Infinity;
    let high = -Infinity;
    for (const p of known) {
      low = Math.min(low, p.delta, p.target === null ? p.delta : p.target - p.band * 1.3);
      high = Math.max(high, p.delta, p.target === null ? p.delta : p.target + p.band * 1.3);
    }
    const room = (high - low) * 0.06 || 0.001;
    return {
      x: (atMs) => ((atMs - first) / Math.max(1, last - first)) * (width - 8) + 1,
      y: (value) => height - 4 - ((value - low + room) / (high - low + 2 * room)) * (height - 8),
    };
  }

  // The band as it was at the time: one rectangle per stretch in which it did not change.
  #bands({ x, y }) {
    const shapes = [];
    let from = 0;
    for (let i = 1; i <= this.points.length; i += 1) {
      const [a, b] = [this.points[from], this.points[i]];
      if (b && b.target === a.target && b.band === a.band) continue;
      const end = this.points[Math.min(i, this.points.length - 1)];
      if (a.target !== null) {
        const [top, bottom] = [y(a.target + a.band), y(a.target - a.band)];
        const [left, right] = [x(a.at), x(end.at)];
        shapes.push(shape("rect", { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top), class: "band" }));
        shapes.push(shape("line", { x1: left, x2: right, y1: y(a.target), y2: y(a.target), class: "target" }));
      }
      from = i;
    }
    return shapes;
  }

  // At most two points per pixel, the lowest and the highest of it: a spike survives.
  #line({ x, y }, width) {
    const per = Math.max(1, Math.floor(this.points.length / width));
    let path = "";
    let pen = "M";
    for (let i = 0; i < this.points.length; i += per) {
      const chunk = this.points.slice(i, i + per).filter((p) => p.delta !== null);
      if (chunk.length === 0) {
        pen = "M";
        continue;
      }
      const low = chunk.reduce((a, b) => (b.delta < a.delta ? b : a));
      const high = chunk.reduce((a, b) => (b.delta > a.delta ? b : a));
      for (const p of low.at <= high.at ? [low, high] : [high, low]) {
        path += `${pen}${x(p.at).toFixed(1)} ${y(p.delta).toFixed(1)}`;
        pen = "L";
        if (low === high) break;
      }
    }
    return path;
  }

  #point(offsetX) {
    this.pointer = offsetX;
    this.draw();
  }

  #nearest({ x }) {
    if (this.pointer === null) return null;
    return this.points.reduce((a, b) => (Math.abs(x(b.at) - this.pointer) < Math.abs(x(a.at) - this.pointer) ? b : a));
  }

  #said(p) {
    const delta = p.delta === null ? "delta unknown" : `delta ${btcSigned(p.delta)} BTC`;
    return `${clock(p.at)} UTC: ${delta}`;
  }

  #summary(known) {
    const deltas = known.map((p) => p.delta);
    const [first, last] = [known[0].at, known.at(-1).at];
    const [low, high] = [Math.min(...deltas), Math.max(...deltas)];
    const span = `${clock(first, last)} to ${clock(last)} UTC (${duration((last - first) / 1000)})`;
    return `${span}: delta between ${btcSigned(low)} and ${btcSigned(high)} BTC. Shaded: the band in which nothing is traded.`;
  }
}

// The present band's edges, named where they are.
function edges({ y }, { target, band }) {
  if (target === null) return [];
  return [
    shape("text", { x: 4, y: y(target + band) + 12, class: "edge" }, btcSigned(target + band)),
    shape("text", { x: 4, y: y(target - band) - 4, class: "edge" }, btcSigned(target - band)),
  ].slice(0, y(target - band) - y(target + band) > 32 ? 2 : 0);
}

const figure = (value) => (value === null || value === undefined ? null : Number(value));
const point = (at, delta, target, band) => ({ at, delta: figure(delta), target: figure(target), band: figure(band) ?? 0 });
