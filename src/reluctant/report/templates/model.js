// The contents of the page, and the functions in it.
const page = JSON.parse(byId("contents").textContent);

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

const columns = page.columns.map(unpacked);
const targets = page.targets.map(unpacked);
const isLine = page.view === "line";
const input = (j) => page.inputs[j];
let output = page.classes ? (page.classes.length === 2 ? 1 : 0) : 0; // the one that figures show

// The model: a number on the line, else a row; classes give the probability of every one.
function predict(x) {
  if (page.classes) {
    return exportedProbabilities(x);
  }
  const y = exported(x);
  return isLine ? y : Array.isArray(y) ? y : [y];
}

// A row of all inputs, of which the model reads the used ones.
function rowOf(values) {
  const row = new Array(page.inputs.length).fill(0);
  page.used.forEach((j, i) => {
    row[j] = values[i];
  });
  return row;
}

const scalarInput = isLine || (page.inputs.length === 1 && exportedTakesNumber);

function valueAt(values) {
  const x = scalarInput ? values[0] ?? 0 : rowOf(values);
  const y = predict(x);
  return typeof y === "number" ? y : y[output];
}

// A function of one variable as a table of links: y + slope (t − x), with the last knot at or before t.
const lineOf = (table) => lineThrough(...[table.knots, table.x, table.y, table.slopes].map(unpacked));

function lineThrough(knots, x, y, slopes) {
  const at = (t) => {
    let k = 0;
    let end = knots.length;
    while (k < end) {
      const middle = (k + end) >> 1;
      if (t >= knots[middle]) k = middle + 1;
      else end = middle;
    }
    return y[k] + slopes[k] * (t - x[k]);
  };
  return { knots, at };
}

const rowCount = page.rows.shown;
const shownValues = (() => {
  const found = [];
  for (let i = 0; i < rowCount; i++) {
    const y = predict(isLine ? columns[0][i] : scalarInput ? columns[0]?.[i] ?? 0 : rowOf(columns.map((c) => c[i])));
    found.push(typeof y === "number" ? [y] : y);
  }
  return found;
})();
const predictedOf = (k) => Float64Array.from(shownValues, (y) => y[k]);
const observedOf = (k) => (page.classes ? Float64Array.from(targets[0], (c) => (c === k ? 1 : 0)) : targets[k]);
const outputColumn = () => (page.classes
  ? { name: page.classes[output], unit: "", title: `probability of ${page.classes[output]}` }
  : page.outputs[output]);
