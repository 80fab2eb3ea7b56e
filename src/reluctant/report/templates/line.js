// One input: rows, function, residuals, and the fits of fewest neurons for every tolerance.
const fits = isLine && page.errorPath
  ? {
    errors: unpacked(page.errorPath.errors),
    drawn: page.errorPath.functions.length,
    lines: [],
    live: page.rows.shown === page.rows.of, // all rows are here to find others
  }
  : null;
const chosen = isLine ? { ...lineOf(page.links), at: exported, neurons: page.neurons, k: null } : null;
let current = chosen;
let pointed = null; // where the reader asks for the value

const ROUNDING = 1e-7; // errors of a smaller share of the first are rounding

// The fewest neurons whose smallest largest error is within the tolerance, as `approximate` widens it; −1 for none.
function fewestWithin(tolerance) {
  return fits.errors.findIndex((error) => error <= tolerance * (1 + 1e-9));
}

function drawLine(width, printed) {
  const x = columns[0];
  const y = targets[0];
  const column = input(0);
  const heights = printed ? [200, 80] : [Math.min(360, Math.max(220, width * 0.42)), 110];
  const knots = current.knots.filter((t) => t > x[0] && t < x[x.length - 1]);
  const corners = Float64Array.of(x[0], ...knots, x[x.length - 1]);
  const values = corners.map(current.at);
  const [low, high] = widened(extent([...extent(y), ...extent(values)]));
  const yMarks = ticks(low, high, heights[0] / 60);
  const residuals = x.map((t, i) => current.at(t) - y[i]);
  const band = bandOf(y);
  const between = differences(x, y, residuals);
  const far = [...extent(residuals), ...extent(between.map((p) => p[1])), ...(band ? band.flat : [])].filter(Number.isFinite);
  const reach = Math.max(...far.map(Math.abs)) || 1;
  const rMarks = ticks(-reach * 1.15, reach * 1.15, 4);
  const left = Math.max(leftOf(yMarks), leftOf(rMarks));
  const top = 26;
  const main = { width, left, right: width - 8, top, bottom: top + heights[0] };
  main.x = linear(...widened([x[0], x[x.length - 1]], 0.015), left, main.right);
  main.y = linear(low, high, main.bottom, main.top);
  const below = { ...main, top: main.bottom + 40, bottom: main.bottom + 40 + heights[1] };
  below.y = linear(-reach * 1.15, reach * 1.15, below.bottom, below.top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${below.bottom + 42}`, "aria-hidden": "true" });
  main.back = below.back = root;
  yAxis(main, yMarks, `↑ ${page.outputs[0].title}`);
  yAxis(below, rMarks, `↑ function less row${page.outputs[0].unit ? ` (${page.outputs[0].unit})` : ""}`);
  xAxis(below, ticks(main.x.low, main.x.high, width / 90), `${column.title} →`);
  const size = dotSize(x.length);
  root.append(
    svg("path", { class: "dots", "stroke-width": size, d: dots(x, y, main.x, main.y) }),
    svg("path", { class: "curve", d: polyline(corners, values, main.x, main.y) }),
  );
  if (knots.length <= 60) {
    knots.forEach((t) => root.append(svg("circle", { class: "ring", cx: main.x(t), cy: main.y(current.at(t)), r: 3.5 })));
  }
  const along = polyline(between.map((p) => p[0]), between.map((p) => p[1]), main.x, below.y);
  root.append(svg("path", { class: "faint", d: along }));
  root.append(svg("path", { class: "dots", "stroke-width": size - 1, d: dots(x, residuals, main.x, below.y) }));
  band?.sides.forEach((side) => root.append(svg("path", { class: "limit", d: polyline(x, side, main.x, below.y) })));
  drawPointed(root, main, below);
  listen(root, main);
  return root;
}

// What residuals may be: the tolerance of the slider, or of the request.
function bandOf(y) {
  if (current.k !== null) {
    return symmetric(y, current.tolerance);
  }
  if (page.band) {
    const sides = [unpacked(page.band.lo), unpacked(page.band.hi)].map((b) => b.map((v, i) => v - y[i]));
    const finite = sides.filter((side) => side.every(Number.isFinite));
    return finite.length ? { sides: finite, flat: finite.flatMap((s) => extent(s)) } : null;
  }
  return page.tolerance === null ? null : symmetric(y, page.tolerance);
}

function symmetric(y, tolerance) {
  return { sides: [y.map(() => tolerance), y.map(() => -tolerance)], flat: [tolerance, -tolerance] };
}

// Along the straight lines between rows the difference is straight from row to row, but for the bends.
function differences(x, y, residuals) {
  if (x.some((t, i) => t === x[i - 1])) {
    return []; // several rows of one x
  }
  const bends = Array.from(current.knots).filter((t) => t > x[0] && t < x[x.length - 1]);
  const between = current === chosen && page.between ? unpacked(page.between.difference) : null;
  const points = Array.from(x, (t, i) => [t, residuals[i]]);
  bends.forEach((t, i) => {
    let k = upper(x, t);
    const line = y[k - 1] + ((t - x[k - 1]) / (x[k] - x[k - 1])) * (y[k] - y[k - 1]);
    points.push([t, between && between.length === bends.length ? between[i] : current.at(t) - line]);
  });
  points.sort((a, b) => a[0] - b[0]);
  return points;
}

function upper(sorted, t) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > t) high = middle;
    else low = middle + 1;
  }
  return Math.max(low, 1);
}

function drawPointed(root, main, below) {
  if (pointed === null || printing || pointed < main.x.low || pointed > main.x.high) {
    return;
  }
  const px = main.x(pointed);
  const value = current.at(pointed);
  const text = `${withUnit(say(pointed), input(0))} → ${withUnit(say(value, 6), page.outputs[0])}`;
  const anchor = px < main.left + 120 ? "start" : px > main.right - 120 ? "end" : "middle";
  const free = main.y(value) - main.top > 50; // the label hides no curve
  root.append(
    svg("line", { class: "cursor", x1: px, x2: px, y1: main.top, y2: below.bottom }),
    svg("circle", { class: "full", cx: px, cy: main.y(value), r: 4 }),
    svg("text", { class: "said-here halo", x: px, y: free ? main.top + 10 : main.bottom - 8, "text-anchor": anchor }, text),
  );
}

function listen(root, plot) {
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * plot.width;
    if (x >= plot.left && x <= plot.right) {
      const value = Number(plot.x.inverse(x).toPrecision(5));
      byId("at").value = value;
      pointAt(value);
    }
  });
}

function pointAt(value) {
  pointed = Number.isFinite(value) ? value : null;
  byId("at-value").textContent = pointed === null ? "" : `→ ${withUnit(say(current.at(pointed), 10), page.outputs[0])}`;
  requestAnimationFrame(redrawLine);
}

let redrawLine = () => {};
let redrawSize = () => {};

// The slider goes from the finest to the loosest tolerance in even steps of its logarithm.
function sliderRange() {
  const known = fits.live ? fits.errors : fits.errors.slice(0, fits.drawn);
  const positive = known.filter((e) => e > (fits.live ? fits.errors[0] * ROUNDING : 0));
  const high = positive.length ? positive[0] * 1.05 : 1;
  const low = positive.length ? positive[positive.length - 1] * (known.length > positive.length ? 0.7 : 1) : 0.1;
  return { low, high };
}

function startTolerance() {
  if (!fits) {
    return;
  }
  const { low, high } = sliderRange();
  const slider = byId("tolerance");
  const typed = byId("tolerance-number");
  const steps = Number(slider.max);
  const place = (e) => Math.round((Math.log(Math.min(Math.max(e, low), high) / low) / Math.log(high / low || 1)) * steps);
  const from = (step) => Number((low * (high / low) ** (step / steps)).toPrecision(4));
  byId("tolerance-controls").hidden = false;
  slider.addEventListener("input", () => {
    const step = Number(slider.value);
    const reached = fits.errors[(fits.live ? fits.errors.length : fits.drawn) - 1];
    const tolerance = step === 0 && reached === 0 ? 0 : Math.max(from(step), step === 0 ? low : 0);
    typed.value = tolerance;
    showTolerance(tolerance);
  });
  typed.addEventListener("input", () => {
    const tolerance = typed.value === "" ? NaN : Number(typed.value);
    if (tolerance >= 0) {
      slider.value = place(tolerance);
      showTolerance(tolerance);
    }
  });
  const asked = page.tolerance ?? (page.exact ? 0 : page.largest);
  const reset = () => {
    slider.value = place(asked);
    typed.value = Number(asked.toPrecision(6));
    show(chosen, chosenInWords());
  };
  byId("tolerance-chosen").addEventListener("click", reset);
  startTolerance.to = (tolerance) => {
    typed.value = tolerance;
    slider.value = place(tolerance);
    showTolerance(tolerance);
  };
  reset();
}

function chosenInWords() {
  if (page.exact) {
    return [["b", counted(page.neurons, "neuron")], ", the chosen fit; it passes through all rows."];
  }
  const error = withUnit(say(page.largest), page.outputs[0]);
  return [["b", counted(page.neurons, "neuron")], `, the chosen fit; largest error ${error}.`];
}

function showTolerance(tolerance) {
  const k = fewestWithin(tolerance);
  const last = fits.drawn - 1;
  const within = withUnit(say(tolerance), page.outputs[0]);
  if (k < 0 || k > last) {
    const found = fits.live ? liveFit(columns[0], targets[0], tolerance) : null;
    const neurons = found?.knots.length;
    if (found && (k < 0 ? !page.errorPath.complete && neurons >= fits.errors.length : neurons === k)) {
      const how = k < 0 ? "found by this page in floating point" : "the fewest";
      show({ ...found, neurons, k: neurons, tolerance }, [["b", counted(neurons, "neuron")], `, ${how}, within ${within}.`]);
      return;
    }
    const needed = k < 0 ? `more than ${counted(fits.errors.length - 1, "neuron")}` : counted(k, "neuron");
    const why = k < 0 ? "" : `; this page draws fits of up to ${count(last)}`;
    show(fitOf(last, tolerance), [["b", needed], ` for a tolerance of ${within}${why}.`]);
    return;
  }
  const error = withUnit(say(fits.errors[k]), page.outputs[0]);
  show(fitOf(k, tolerance), [
    ["b", counted(k, "neuron")],
    `, the fewest within ${within}; the smallest largest error of so many is ${error}.`,
  ]);
}

function fitOf(k, tolerance) {
  fits.lines[k] ??= lineOf(page.errorPath.functions[k]);
  return { ...fits.lines[k], neurons: k, k, tolerance };
}

function show(fit, words) {
  current = fit;
  const nodes = words.map((word) => {
    if (typeof word === "string") {
      return word;
    }
    const node = document.createElement(word[0]);
    node.textContent = word[1];
    return node;
  });
  byId("tolerance-said").replaceChildren(...nodes);
  byId("tolerance").setAttribute("aria-valuetext", byId("tolerance-said").textContent);
  pointAt(pointed ?? NaN);
  requestAnimationFrame(redrawSize);
}
