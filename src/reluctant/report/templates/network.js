// The network as nodes and lines: inputs on the left, neurons, outputs on the right.
function drawNetwork(width, printed) {
  const { inputs, neurons, affine } = page.drawing;
  const outputs = page.classes ? outputsOfClasses() : page.titles;
  const gap = printed ? 12 : 22;
  const tallest = Math.max(neurons.length, inputs.length, outputs.length, 2);
  const height = Math.max(tallest * gap, printed ? 90 : 150) + 30;
  const labels = width > 260;
  const room = Math.min(0.27 * width, Math.max(...inputs.map((j) => widthOf(input(j).name)), 24) + 14);
  const roomRight = Math.min(0.27 * width, Math.max(...outputs.map(widthOf), 24) + 14);
  const xs = [labels ? room : 10, 0, width - (labels ? roomRight : 10)];
  xs[1] = (xs[0] + xs[2]) / 2;
  const texts = neurons.map((neuron) => neuron.label || String(neuron.number));
  const wide = Math.max(...texts.map((text) => text.length * (printed ? 5.2 : 6.4)), 10) + 12;
  const spread = (n, i) => 12 + ((i + 0.5) * (height - 24)) / n;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const join = (x0, y0, x1, y1, strength, through) => {
    if (strength !== 0) {
      const bend = through === undefined ? "" : `Q${round((x0 + x1) / 2)},${round(through)} `;
      const d = `M${round(x0)},${round(y0)}${bend || "L"}${round(x1)},${round(y1)}`;
      const thick = 0.6 + 2.6 * Math.abs(strength);
      root.append(svg("path", { class: strength < 0 ? "edge minus" : "edge", "stroke-width": thick, d }));
    }
  };
  affine.forEach((row, i) => row.forEach((s, o) => {
    const [from, to] = [spread(inputs.length, i), spread(outputs.length, o)];
    join(xs[0], from, xs[2], to, s, neurons.length ? (4 * (height - 6) - from - to) / 2 : undefined);
  }));
  neurons.forEach((neuron, k) => {
    const y = spread(neurons.length, k);
    neuron.into.forEach((s, i) => join(xs[0], spread(inputs.length, i), xs[1] - wide / 2, y, s * strongest(neuron)));
    neuron.out.forEach((s, o) => join(xs[1] + wide / 2, y, xs[2], spread(outputs.length, o), s));
  });
  neurons.forEach((neuron, k) => {
    const y = spread(neurons.length, k);
    const tall = printed ? 10.5 : 17;
    root.append(
      svg("rect", { class: "pill", x: xs[1] - wide / 2, y: y - tall / 2, width: wide, height: tall, rx: tall / 2 }),
      svg("text", { class: "node", x: xs[1], y: y + (printed ? 3 : 4), "text-anchor": "middle" }, texts[k]),
    );
  });
  inputs.forEach((j, i) => label(root, xs[0], spread(inputs.length, i), input(j).name, room, "end", labels));
  outputs.forEach((name, o) => label(root, xs[2], spread(outputs.length, o), name, roomRight, "start", labels));
  return root;
}

const outputsOfClasses = () => (page.classes.length === 2 ? [page.classes[1]] : page.classes);
const strongest = (neuron) => Math.max(...neuron.out.map(Math.abs));

function label(root, x, y, name, room, anchor, shown) {
  root.append(svg("circle", { class: "full", cx: x, cy: y, r: 4 }));
  if (shown) {
    const at = anchor === "end" ? x - 9 : x + 9;
    root.append(svg("text", { class: "strong", x: at, y: y + 4, "text-anchor": anchor }, shortened(name, room - 12)));
  }
}
