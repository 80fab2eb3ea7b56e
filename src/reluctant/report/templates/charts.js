// What all figures share: elements, scales, ticks, axes, numbers as text.
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    node.setAttribute(key, typeof value === "number" ? round(value) : value);
  }
  node.append(...children);
  return node;
}

const round = (v) => String(Math.round(v * 100) / 100);

function byId(id) {
  return document.getElementById(id);
}

// A number for reading: so many significant digits, a true minus.
function say(value, digits = 5) {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  }
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e7 || size < 1e-4)
    ? value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e")
    : String(Number(value.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

const count = (n) => n.toLocaleString("en-US");
const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
const withUnit = (text, column) => (column.unit ? `${text} ${column.unit}` : text);

// Round steps of 1, 2 or 5 times a power of ten, about `wanted` of them.
function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const n = Math.min(Math.floor(high / step + 1e-9) - first, 3 * wanted + 3); // numbers may be too large to count on
  const found = [];
  for (let i = 0; i <= n; i++) {
    const value = (first + i) * step;
    found.push({ value, label: tickText(value, places, step) });
  }
  return found.filter((tick, i) => i === 0 || tick.value > found[i - 1].value);
}

function tickText(value, places, step) {
  const size = Math.abs(value);
  const digits = Math.floor(Math.log10(size || step)) - Math.floor(Math.log10(step) + 1e-9) + 1;
  const long = size >= 1e6 || (places > 4 && size < 1);
  const text = long ? say(value, Math.min(Math.max(digits, 1), 17)) : value.toFixed(Math.min(places, 12));
  return text.replace(/^-(0(\.0*)?)$/, "$1").replace(/-/g, "−");
}

function logTicks(low, high, wanted) {
  const from = Math.floor(Math.log10(low) + 1e-9);
  const to = Math.ceil(Math.log10(high) - 1e-9);
  const every = Math.max(1, Math.ceil((to - from) / wanted));
  const multiples = to - from <= 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let e = from; e <= to; e += every) {
    for (const m of multiples) {
      const value = m * 10 ** e;
      if (value >= low * 0.9999 && value <= high * 1.0001) {
        found.push({ value, label: say(Number(value.toPrecision(3)), 3) });
      }
    }
  }
  return found;
}

// A scale: value to pixel, and its inverse.
function linear(low, high, from, to) {
  const scale = (v) => from + ((v - low) / (high - low)) * (to - from);
  scale.inverse = (pixel) => low + ((pixel - from) / (to - from)) * (high - low);
  return Object.assign(scale, { low, high });
}

function logarithmic(low, high, from, to) {
  const inner = linear(Math.log(low), Math.log(high), from, to);
  const scale = (v) => inner(Math.log(v));
  scale.inverse = (pixel) => Math.exp(inner.inverse(pixel));
  return Object.assign(scale, { low, high });
}

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

function widened([low, high], share = 0.05) {
  if (!(high > low)) {
    const room = Math.abs(low) * 0.1 || 1;
    return [low - room, high + room];
  }
  const room = (high - low) * share;
  return [low - room, high + room];
}

// About the width of a text of 12 px.
const widthOf = (text) => 6.7 * text.length;

function shortened(text, pixels) {
  const most = Math.max(3, Math.floor(pixels / 6.7));
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("") + "…";
}

// Grid lines with labels on the left, ticks below, titles at the ends; room for labels is told by `margin`.
function yAxis(plot, marks, title) {
  for (const { value, label } of marks) {
    const y = plot.y(value);
    plot.back.append(
      svg("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y, y2: y }),
      svg("text", { x: plot.left - 7, y: y + 4, "text-anchor": "end" }, label),
    );
  }
  if (title) {
    const text = shortened(title, plot.right);
    plot.back.append(svg("text", { class: "strong", x: 0, y: plot.top - 12 }, text));
  }
}

function xAxis(plot, marks, title) {
  plot.back.append(svg("line", { class: "axis", x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom }));
  for (const { value, label } of marks) {
    const x = plot.x(value);
    const half = widthOf(label) / 2;
    const anchor = x + half > plot.width ? "end" : "middle";
    plot.back.append(
      svg("line", { class: "axis", x1: x, x2: x, y1: plot.bottom, y2: plot.bottom + 4 }),
      svg("text", { x: anchor === "end" ? plot.width : x, y: plot.bottom + 17, "text-anchor": anchor }, label),
    );
  }
  if (title) {
    const text = shortened(title, plot.right);
    plot.back.append(svg("text", { class: "strong", x: plot.right, y: plot.bottom + 35, "text-anchor": "end" }, text));
  }
}

const leftOf = (marks) => Math.max(24, ...marks.map(({ label }) => widthOf(label) + 12));

// The path of a polyline, or of dots (strokes of no length with round ends), in pixels.
function polyline(xs, ys, x, y) {
  let d = "";
  for (let i = 0; i < xs.length; i++) {
    d += `${d ? "L" : "M"}${round(x(xs[i]))},${round(y(ys[i]))}`;
  }
  return d;
}

function dots(xs, ys, x, y) {
  let d = "";
  for (let i = 0; i < xs.length; i++) {
    d += `M${round(x(xs[i]))},${round(y(ys[i]))}h0`;
  }
  return d;
}

const dotSize = (n) => (n <= 60 ? 6 : n <= 400 ? 4.5 : 3);

function clipTo(plot, id) {
  const box = { x: plot.left, y: plot.top, width: plot.right - plot.left, height: plot.bottom - plot.top };
  return svg("clipPath", { id }, svg("rect", box));
}

// Figures redraw themselves when their width changes, for print, and when what they show changes.
const figures = [];

function figure(id, draw) {
  const place = byId(id);
  if (!place) {
    return () => {};
  }
  const one = { width: 0 };
  one.redraw = (width) => {
    one.width = width || one.width;
    if (one.width) {
      place.replaceChildren(draw(Math.max(one.width, 240), printing));
    }
  };
  one.place = place;
  figures.push(one);
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (!printing && width && width !== one.width) {
      one.redraw(width);
    }
  }).observe(place);
  one.redraw(Math.floor(place.getBoundingClientRect().width));
  return () => one.redraw();
}

let printing = false;
const PRINTED = { full: 688, half: 330 };

addEventListener("beforeprint", () => {
  printing = true;
  for (const one of figures) {
    one.screen = one.width;
    one.redraw(one.place.classList.contains("full") ? PRINTED.full : PRINTED.half);
  }
});

addEventListener("afterprint", () => {
  printing = false;
  for (const one of figures) {
    one.redraw(one.screen);
  }
});
