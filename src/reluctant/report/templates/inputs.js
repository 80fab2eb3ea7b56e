// Two inputs: creases on the plane. More: one input at a time, with the others beside it.
let redrawFunction = () => {};
let held = page.used.map((j) => page.ranges[j][1]); // values of the inputs used
let along = 0; // the one on the axis

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function channels(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

// The values of the function on the box, as a picture from paper to accent.
function shading(plot, low, high, nx, ny) {
  const canvas = document.createElement("canvas");
  canvas.width = nx;
  canvas.height = ny;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(nx, ny);
  const paper = channels(colourOf("--paper"));
  const accent = channels(colourOf("--accent"));
  for (let j = 0; j < ny; j++) {
    const v = plot.y.inverse(plot.top + ((j + 0.5) / ny) * (plot.bottom - plot.top));
    for (let i = 0; i < nx; i++) {
      const u = plot.x.inverse(plot.left + ((i + 0.5) / nx) * (plot.right - plot.left));
      const share = Math.min(Math.max((valueAt([u, v]) - low) / (high - low), 0), 1);
      const at = 4 * (j * nx + i);
      for (let c = 0; c < 3; c++) {
        picture.data[at + c] = paper[c] + (accent[c] - paper[c]) * (0.06 + 0.74 * share);
      }
      picture.data[at + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL("image/png");
}

// The part of a u + b v + c = 0 inside a box, as two points; null if it passes by.
function chord([a, b, c], [u0, u1], [v0, v1]) {
  const points = [];
  if (b !== 0) {
    for (const u of [u0, u1]) {
      const v = -(a * u + c) / b;
      if (v >= v0 && v <= v1) points.push([u, v]);
    }
  }
  if (a !== 0) {
    for (const v of [v0, v1]) {
      const u = -(b * v + c) / a;
      if (u > u0 && u < u1) points.push([u, v]);
    }
  }
  return points.length > 1 ? [points[0], points[points.length - 1]] : null;
}

function drawPlane(width, printed) {
  const [j, k] = page.used;
  const box = [j, k].map((i) => widened([page.ranges[i][0], page.ranges[i][2]], 0.04));
  const yMarks = ticks(...box[1], 5);
  const most = printed ? 300 : 460;
  const plot = { width, left: leftOf(yMarks), right: Math.min(width - 8, 640), top: 62 };
  plot.bottom = plot.top + Math.min(most, (plot.right - plot.left) * 0.75);
  plot.x = linear(...box[0], plot.left, plot.right);
  plot.y = linear(...box[1], plot.bottom, plot.top);
  const predicted = predictedOf(output);
  const [low, high] = page.classes ? [0, 1] : widened(extent(predicted), 0);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  const nx = 150;
  const area = { x: plot.left, y: plot.top, width: plot.right - plot.left, height: plot.bottom - plot.top };
  const href = shading(plot, low, high, nx, Math.round((nx * area.height) / area.width));
  root.append(svg("image", { ...area, href, preserveAspectRatio: "none" }));
  yAxis({ ...plot, left: plot.left, right: plot.left }, yMarks, "");
  root.append(svg("text", { class: "strong", x: 0, y: plot.top - 12 }, shortened(`↑ ${input(k).title}`, plot.right / 2)));
  xAxis(plot, ticks(...box[0], plot.right / 90), `${input(j).title} →`);
  page.creases.forEach((crease, i) => {
    const ends = chord(crease, ...box);
    if (ends) {
      const [[u0, v0], [u1, v1]] = ends;
      root.append(svg("line", { class: "crease", x1: plot.x(u0), y1: plot.y(v0), x2: plot.x(u1), y2: plot.y(v1) }));
      const [x, y] = [plot.x(u0) + 0.06 * (plot.x(u1) - plot.x(u0)), plot.y(v0) + 0.06 * (plot.y(v1) - plot.y(v0))];
      root.append(svg("text", { class: "strong halo", x, y: y + 4, "text-anchor": "middle" }, String(i + 1)));
    }
  });
  drawPlaneRows(root, plot);
  drawScale(root, plot, low, high);
  return root;
}

function drawPlaneRows(root, plot) {
  const size = dotSize(rowCount);
  if (!page.classes) {
    root.append(svg("path", { class: "dots over", "stroke-width": size, d: dots(columns[0], columns[1], plot.x, plot.y) }));
    return;
  }
  const inClass = observedOf(output);
  [0, 1].forEach((wanted) => {
    const at = Array.from(inClass.keys()).filter((i) => inClass[i] === wanted);
    const d = dots(at.map((i) => columns[0][i]), at.map((i) => columns[1][i]), plot.x, plot.y);
    root.append(svg("path", { class: wanted ? "dots over" : "dots open", "stroke-width": size, d }));
  });
}

// The scale of the shade, above the plane on the right.
function drawScale(root, plot, low, high) {
  const width = Math.min(180, (plot.right - plot.left) * 0.5);
  const left = plot.right - width;
  const gradient = svg("linearGradient", { id: "shade" });
  [0, 1].forEach((share) => {
    const strength = 0.06 + 0.74 * share;
    const colour = channels(colourOf("--paper")).map((p, c) => p + (channels(colourOf("--accent"))[c] - p) * strength);
    gradient.append(svg("stop", { offset: share, "stop-color": `rgb(${colour.map(Math.round).join(",")})` }));
  });
  root.append(svg("defs", {}, gradient));
  root.append(svg("rect", { x: left, y: 20, width, height: 8, fill: "url(#shade)" }));
  const title = shortened(outputColumn().title, plot.right);
  root.append(svg("text", { class: "strong", x: plot.right, y: 12, "text-anchor": "end" }, title));
  root.append(svg("text", { x: left, y: 42 }, say(low, 4)));
  root.append(svg("text", { x: plot.right, y: 42, "text-anchor": "end" }, say(high, 4)));
}

function drawAlong(width, printed) {
  const j = page.used[along];
  const [from, to] = [page.ranges[j][0], page.ranges[j][2]];
  const n = 400;
  const xs = Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n);
  const ys = xs.map((x) => valueAt(held.map((h, i) => (i === along ? x : h))));
  const predicted = predictedOf(output);
  const [low, high] = page.classes ? [-0.02, 1.02] : widened(extent([...extent(ys), ...extent(predicted)]));
  const yMarks = ticks(low, high, 5);
  const plot = { width, left: leftOf(yMarks), right: width - 8, top: 26, bottom: 26 + (printed ? 150 : 280) };
  plot.x = linear(...widened([from, to], 0.015), plot.left, plot.right);
  plot.y = linear(low, high, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, `↑ ${outputColumn().title}`);
  xAxis(plot, ticks(plot.x.low, plot.x.high, width / 90), `${input(j).title} →`);
  const rows = { class: "dots", "stroke-width": dotSize(rowCount) - 1, d: dots(columns[along], predicted, plot.x, plot.y) };
  root.append(svg("path", { ...rows, opacity: 0.5 }), svg("path", { class: "curve", d: polyline(xs, ys, plot.x, plot.y) }));
  const here = valueAt(held);
  root.append(svg("circle", { class: "full", cx: plot.x(held[along]), cy: plot.y(here), r: 4.5 }));
  return root;
}

// A field for every input used; the one on the axis is chosen in a list.
function startInputs() {
  const place = byId("input-controls");
  const choices = [];
  if (page.used.length > 1) {
    choices.push(select("along", "Along", page.used.map((j) => input(j).name), along, (i) => { along = i; }));
  }
  place.append(...choices);
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("role", "status");
  const tell = () => {
    said.textContent = `${outputColumn().title}: ${say(valueAt(held), 8)}`;
    redrawFunction();
  };
  page.used.slice(0, 12).forEach((j, i) => {
    const [low, , high] = page.ranges[j];
    const label = document.createElement("label");
    label.htmlFor = `held-${i}`;
    label.textContent = input(j).title;
    const field = document.createElement("input");
    Object.assign(field, { type: "number", id: `held-${i}`, step: "any", value: Number(held[i].toPrecision(6)) });
    field.title = `rows: ${say(low)} to ${say(high)}`;
    field.addEventListener("input", () => {
      held[i] = field.value === "" ? page.ranges[j][1] : Number(field.value);
      tell();
    });
    const control = document.createElement("div");
    control.className = "control";
    control.append(label, field);
    place.append(control);
  });
  place.after(said);
  redrawFunction = figure("function-chart", drawAlong);
  startInputs.tell = tell;
  tell();
}

function select(id, title, options, chosenIndex, choose) {
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = title;
  const list = document.createElement("select");
  list.id = id;
  options.forEach((text, i) => {
    const option = document.createElement("option");
    option.value = i;
    option.textContent = text;
    option.selected = i === chosenIndex;
    list.append(option);
  });
  list.addEventListener("change", () => {
    choose(Number(list.value));
    redrawEverything();
  });
  const control = document.createElement("div");
  control.className = "control";
  control.append(label, list);
  return control;
}

function startPlane() {
  redrawFunction = figure("function-chart", drawPlane);
  const fields = [byId("at-0"), byId("at-1")];
  const tell = () => {
    const values = fields.map((field) => (field.value === "" ? NaN : Number(field.value)));
    byId("at-value").textContent = values.every(Number.isFinite) ? `→ ${withUnit(say(valueAt(values), 10), outputColumn())}` : "";
  };
  fields.forEach((field, i) => {
    field.value = Number(held[i].toPrecision(6));
    field.addEventListener("input", tell);
  });
  startInputs.tell = tell;
  tell();
}
