// How far rows are from the function, and whether what is predicted is so on average.
function drawResiduals(width, printed) {
  const { counts } = page.histogram[output];
  const edges = unpacked(page.histogram[output].edges);
  const high = Math.max(...counts);
  const yMarks = ticks(0, high * 1.05, 4).filter((t) => Number.isInteger(t.value));
  const plot = { width, left: leftOf(yMarks), right: width - 10, top: 26, bottom: printed ? 130 : 230 };
  plot.x = linear(edges[0], edges[edges.length - 1], plot.left, plot.right);
  plot.y = linear(0, high * 1.05, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  yAxis(plot, yMarks, "↑ rows");
  counts.forEach((n, i) => {
    if (n) {
      const x = plot.x(edges[i]) + 0.5;
      const box = { x, y: plot.y(n), width: Math.max(plot.x(edges[i + 1]) - x - 0.5, 1), height: plot.bottom - plot.y(n) };
      root.append(svg("rect", { class: "bar", ...box }));
    }
  });
  const unit = page.outputs[output].unit;
  xAxis(plot, ticks(edges[0], edges[edges.length - 1], 5), `function less row${unit ? ` (${unit})` : ""} →`);
  return root;
}

function drawCalibration(width, printed) {
  const predicted = predictedOf(output);
  const observed = observedOf(output);
  const groups = page.groups[output];
  const means = [unpacked(groups.predicted), unpacked(groups.observed)];
  const range = page.classes ? [0, 1] : extent([...extent(predicted), ...extent(observed)]);
  const [low, high] = widened(range, page.classes ? 0.03 : 0.05);
  const marks = ticks(low, high, 4);
  const plot = { width, left: leftOf(marks), right: width - 10, top: 26, bottom: printed ? 150 : 250 };
  plot.x = linear(low, high, plot.left, plot.right);
  plot.y = linear(low, high, plot.bottom, plot.top);
  const root = plot.back = svg("svg", { viewBox: `0 0 ${width} ${plot.bottom + 42}`, "aria-hidden": "true" });
  const unit = page.classes || !page.outputs[output].unit ? "" : ` (${page.outputs[output].unit})`;
  yAxis(plot, marks, page.classes ? "↑ how often it was so" : `↑ observed${unit}`);
  xAxis(plot, marks, page.classes ? "predicted probability →" : `predicted${unit} →`);
  root.append(svg("path", { class: "thin", d: polyline([low, high], [low, high], plot.x, plot.y) }));
  if (!page.classes) {
    root.append(svg("path", { class: "dots", "stroke-width": dotSize(rowCount) - 1, d: dots(predicted, observed, plot.x, plot.y) }));
  } else {
    root.append(svg("path", { class: "curve", d: polyline(means[0], means[1], plot.x, plot.y) }));
  }
  means[0].forEach((x, i) => root.append(svg("circle", { class: "ring", cx: plot.x(x), cy: plot.y(means[1][i]), r: 4 })));
  return root;
}
