// Error against size, and the exact fits for every p.
function drawErrors(width, printed) {
  const { errors } = fits;
  const n = errors.length;
  const positive = Array.from(errors).filter((e) => e > errors[0] * ROUNDING);
  const low = positive.length ? positive[positive.length - 1] : 0.1;
  const high = positive.length ? positive[0] : 1;
  const bottom = low === high ? low / 2 : low / (high / low) ** 0.06;
  const yMarks = logTicks(bottom, high * (high / low || 2) ** 0.06, 5);
  const plot = { width, left: leftOf(yMarks), right: width - 10, top: 26, bottom: printed ? 150 : 250 };
  const far = n > 60;
  const at = far ? logarithmic(1, n, plot.left + 6, plot.right) : linear(0, Math.max(n - 1, 1), plot.left + 6, plot.right);
  plot.x = far ? (k) => at(k + 1) : at;
  plot.y = logarithmic(bottom, high * (high / low || 2) ** 0.06, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, `↑ largest error${page.outputs[0].unit ? ` (${page.outputs[0].unit})` : ""}`);
  const whole = far
    ? [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000].filter((k) => k < n).map((k) => ({ value: k, label: count(k) }))
    : ticks(0, Math.max(n - 1, 1), Math.min(n - 1, width / 50)).filter((t) => Number.isInteger(t.value));
  xAxis(plot, whole, "neurons →");
  const ks = positive.map((_, k) => k);
  root.append(svg("path", { class: "thin", d: polyline(ks, positive, plot.x, plot.y) }));
  root.append(svg("path", { class: "dots", "stroke-width": far ? 3 : 5, d: dots(ks, positive, plot.x, plot.y) }));
  const end = positive.length;
  if (end < n && end > 0) {
    const d = polyline([end - 1, end], [positive[end - 1], bottom], plot.x, plot.y);
    const text = `0 with ${counted(end, "neuron")}`;
    root.append(
      svg("path", { class: "thin", d, "stroke-dasharray": "2 3" }),
      svg("text", { x: plot.width, y: plot.top - 12, "text-anchor": "end" }, text),
    );
  }
  if (current.k !== null && current.k < n) {
    const cy = plot.y(Math.max(errors[current.k], bottom));
    root.append(svg("circle", { class: "ring", cx: plot.x(current.k), cy, r: 5.5 }));
  }
  if (page.neurons < n) {
    const cx = plot.x(page.neurons);
    const cy = plot.y(Math.min(Math.max(page.largest, bottom), high * 1.05));
    const start = cx < plot.left + 0.55 * (plot.right - plot.left);
    root.append(svg("circle", { class: "full", cx, cy, r: 4.5 }));
    if (!page.exact) {
      root.append(nameOf(plot, cx, cy, start, counted(page.neurons, "neuron")));
    }
  }
  root.addEventListener("click", (event) => {
    const box = root.getBoundingClientRect();
    const pixel = ((event.clientX - box.left) / box.width) * width;
    const k = Math.round(far ? at.inverse(pixel) - 1 : at.inverse(pixel));
    if (k >= 0 && k < (fits.live ? n : fits.drawn)) {
      startTolerance.to(errors[k]);
    }
  });
  return root;
}

// The name of a point on a falling curve, where there is no curve: above it on the right, below it on the left, or in
// the upper right corner.
function nameOf(plot, cx, cy, start, text) {
  const corner = { x: plot.right, y: plot.top + 12 };
  const place = start ? { x: cx + 8, y: cy - 9 } : cy + 22 < plot.bottom ? { x: cx - 8, y: cy + 18 } : corner;
  return svg("text", { class: "said-here halo", ...place, "text-anchor": start ? "start" : "end" }, text);
}

function drawSizes(width, printed) {
  const { sizes, chosen: size } = page.sizes;
  const training = unpacked(page.sizes.training);
  const validation = page.sizes.validation ? unpacked(page.sizes.validation) : null;
  const lines = validation ? [training, validation] : [training];
  const [smallest, most] = extent(lines.flatMap((l) => extent(l)));
  const least = smallest < 0 ? smallest : Math.max(smallest, most * 1e-9); // less is rounding
  const logs = least > 0 && most > 50 * least;
  const [low, high] = logs ? [least / 1.5, most * 1.5] : widened([least, most]).map((v) => Math.max(v, Math.min(least, 0)));
  const yMarks = logs ? logTicks(low, high, 5) : ticks(low, high, 5);
  const plot = { width, left: leftOf(yMarks), right: width - 10, top: 26, bottom: printed ? 150 : 250 };
  plot.x = linear(...widened(extent(sizes), 0.03), plot.left, plot.right);
  plot.y = (logs ? logarithmic : linear)(low, high, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, "↑ mean loss");
  xAxis(plot, ticks(plot.x.low, plot.x.high, width / 70).filter((t) => Number.isInteger(t.value)), "parameters →");
  root.append(svg("path", { class: "thin", d: polyline(sizes, training.map((v) => Math.max(v, least)), plot.x, plot.y) }));
  const decisive = lines[lines.length - 1].map((v) => Math.max(v, least));
  if (validation) {
    root.append(svg("path", { class: "curve", d: polyline(sizes, validation.map((v) => Math.max(v, least)), plot.x, plot.y) }));
  }
  const near = sizes.reduce((best, s, i) => (Math.abs(s - size) < Math.abs(sizes[best] - size) ? i : best), 0);
  const cx = plot.x(sizes[near]);
  const start = cx < plot.left + 0.55 * (plot.right - plot.left);
  const cy = plot.y(decisive[near]);
  root.append(svg("circle", { class: "full", cx, cy, r: 4.5 }), nameOf(plot, cx, cy, start, counted(size, "parameter")));
  return root;
}

const exact = page.pPath && page.pPath.neurons.length > 1
  ? {
    ...page.pPath,
    breakpoints: unpacked(page.pPath.breakpoints),
    values: unpacked(page.pPath.values),
    x: unpacked(page.pPath.points.x),
    y: unpacked(page.pPath.points.y),
    polylines: page.pPath.polylines.map((line) => ({ x: unpacked(line.x), y: unpacked(line.y) })),
  }
  : null;
let step = exact ? Math.round(exact.steps / 4) : 0;

// The piece of the path that p is in.
function pieceAt(p) {
  let piece = 0;
  while (piece < exact.breakpoints.length && exact.breakpoints[piece] <= p) {
    piece += 1;
  }
  return piece;
}

function drawP(width, printed) {
  const counts = exact.neurons;
  const [low, high] = extent(counts);
  const yMarks = ticks(low - 0.5, high + 0.5, Math.min(high - low + 1, 5)).filter((t) => Number.isInteger(t.value));
  const plot = { width, left: leftOf(yMarks), right: width - 10, top: 34, bottom: printed ? 130 : 210 };
  plot.x = linear(0, 1, plot.left, plot.right);
  plot.y = linear(low - 0.5, high + 0.5, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, "");
  root.append(svg("text", { class: "strong", x: 0, y: 14 }, "↑ neurons"));
  xAxis(plot, ticks(0, 1, 5), "p →");
  const ends = [0, ...exact.breakpoints, 1];
  const xs = [];
  const ys = [];
  counts.forEach((n, i) => {
    xs.push(ends[i], ends[i + 1]);
    ys.push(n, n);
  });
  root.append(svg("path", { class: "thin", d: polyline(xs, ys, plot.x, plot.y) }));
  if (exact.critical < 1) {
    const x = plot.x(exact.critical);
    const anchor = x > plot.right - 60 ? "end" : x < plot.left + 60 ? "start" : "middle";
    root.append(
      svg("line", { class: "limit", x1: x, x2: x, y1: plot.top, y2: plot.bottom }),
      svg("text", { class: "halo", x, y: plot.top - 6, "text-anchor": anchor }, `p* = ${say(exact.critical, 4)}`),
    );
  }
  const p = step / exact.steps;
  root.append(svg("circle", { class: "full", cx: plot.x(p), cy: plot.y(counts[pieceAt(p)]), r: 5 }));
  return root;
}

function drawPFit(width, printed) {
  const line = exact.polylines[exact.of[pieceAt(step / exact.steps)]];
  const all = exact.polylines.flatMap((one) => extent(one.y));
  const [low, high] = widened(extent([...extent(exact.y), ...all]));
  const yMarks = ticks(low, high, 4);
  const plot = { width, left: leftOf(yMarks), right: width - 10, top: 34, bottom: printed ? 130 : 210 };
  plot.x = linear(...widened(extent(exact.x), 0.02), plot.left, plot.right);
  plot.y = linear(low, high, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, "");
  root.append(svg("text", { class: "strong", x: 0, y: 14 }, shortened(`↑ ${page.outputs[0].title}`, width)));
  xAxis(plot, ticks(plot.x.low, plot.x.high, width / 90), `${input(0).title} →`);
  root.append(
    svg("path", { class: "curve", d: polyline(line.x, line.y, plot.x, plot.y) }),
    svg("path", { class: "dots", "stroke-width": dotSize(exact.x.length), d: dots(exact.x, exact.y, plot.x, plot.y) }),
  );
  for (let i = 1; i < line.x.length - 1; i++) {
    root.append(svg("circle", { class: "ring", cx: plot.x(line.x[i]), cy: plot.y(line.y[i]), r: 3.5 }));
  }
  return root;
}

function startP() {
  if (!exact) {
    return;
  }
  const redraws = [figure("p-chart", drawP), figure("p-fit-chart", drawPFit)];
  const slider = byId("p");
  const showP = () => {
    step = Number(slider.value);
    const p = step / exact.steps;
    const words = `p = ${say(p)}: ${counted(exact.neurons[pieceAt(p)], "neuron")}, path norm ${say(exact.values[step - 1], 6)}.`;
    byId("p-said").textContent = words;
    slider.setAttribute("aria-valuetext", words);
    redraws.forEach((redraw) => redraw());
  };
  slider.addEventListener("input", showP);
  const critical = byId("p-critical");
  critical.hidden = exact.critical >= 1;
  critical.setAttribute("aria-label", "Go to p*, just beyond which more neurons are needed");
  critical.addEventListener("click", () => {
    slider.value = Math.max(1, Math.ceil(exact.critical * exact.steps) - 1);
    showP();
  });
  showP();
}
