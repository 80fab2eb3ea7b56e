// Fits of fewest neurons that the page does not hold, found in the browser: the greedy sweep of Imai and Iri (1986) in
// floating point. One line goes as far as it can; where it has to bend upwards, the steepest of its lines goes on from
// its last touch of an upper bound, below which the next line has to start; downwards likewise.

// Rows of one x together, within a tolerance.
function bandWithin(x, y, tolerance) {
  const band = { x: [], lo: [], hi: [] };
  x.forEach((t, i) => {
    const last = band.x.length - 1;
    if (last >= 0 && band.x[last] === t) {
      band.lo[last] = Math.max(band.lo[last], y[i] - tolerance);
      band.hi[last] = Math.min(band.hi[last], y[i] + tolerance);
    } else {
      band.x.push(t);
      band.lo.push(y[i] - tolerance);
      band.hi.push(y[i] + tolerance);
    }
  });
  return band;
}

// Lines that go from bounds as far as they can: the steepest and the shallowest, and where they end, or all the way.
function longest(band, start, from) {
  const points = start.slice();
  const end = { steepest: null, shallowest: null, stop: band.x.length, up: false };
  const at = (line, t) => line.y + line.slope * (t - line.x);
  for (let i = from; i < band.x.length; i++) {
    const [x, lo, hi] = [band.x[i], band.lo[i], band.hi[i]];
    if (end.steepest && lo > at(end.steepest, x)) return { ...end, stop: i, up: true };
    if (end.shallowest && hi < at(end.shallowest, x)) return { ...end, stop: i };
    let [steep, shallow] = [Infinity, -Infinity];
    points.forEach((p) => {
      steep = Math.min(steep, (hi - p.lo) / (x - p.x));
      shallow = Math.max(shallow, (lo - p.hi) / (x - p.x));
    });
    if (steep < Infinity && !(end.steepest && at(end.steepest, x) <= hi)) end.steepest = { x, y: hi, slope: steep };
    if (shallow > -Infinity && !(end.shallowest && at(end.shallowest, x) >= lo)) end.shallowest = { x, y: lo, slope: shallow };
    points.push({ x, lo, hi });
  }
  return end;
}

// The lines of a fit of fewest neurons within the tolerance; null where rows of one x differ by more.
function sweep(x, y, tolerance) {
  const band = bandWithin(x, y, tolerance);
  if (band.lo.some((lo, i) => lo > band.hi[i])) return null;
  const lines = [];
  let start = [];
  let from = 0;
  for (;;) {
    const run = longest(band, start, from);
    if (run.stop === band.x.length) {
      lines.push(amid(run, band));
      return lines;
    }
    const line = run.up ? run.steepest : run.shallowest; // which touches a bound last at its own point
    lines.push(line);
    start = [{ x: line.x, lo: run.up ? -Infinity : line.y, hi: run.up ? line.y : Infinity }];
    for (let i = run.stop - 1; i >= 0 && band.x[i] > line.x; i--) {
      start.push({ x: band.x[i], lo: run.up ? -Infinity : band.lo[i], hi: run.up ? band.hi[i] : Infinity });
    }
    from = run.stop;
  }
}

// Of the lines that go all the way the mean of the extreme ones.
function amid({ steepest, shallowest }, band) {
  const last = band.x.length - 1;
  const flat = { x: band.x[last], y: (band.lo[last] + band.hi[last]) / 2, slope: 0 };
  if (!steepest || !shallowest) return steepest ?? shallowest ?? flat;
  const at = (line) => line.y + line.slope * (flat.x - line.x);
  return { x: flat.x, y: at(steepest) / 2 + at(shallowest) / 2, slope: steepest.slope / 2 + shallowest.slope / 2 };
}

// A fit as the page draws it.
function liveFit(x, y, tolerance) {
  const lines = sweep(x, y, tolerance * (1 + 1e-9));
  if (!lines) return null;
  const knots = lines.slice(1).map((next, i) => {
    const line = lines[i];
    const gap = line.y + line.slope * (next.x - line.x) - next.y;
    return next.x + gap / (next.slope - line.slope);
  });
  const [xs, ys, slopes] = ["x", "y", "slope"].map((part) => Float64Array.from(lines, (line) => line[part]));
  return lineThrough(Float64Array.from(knots), xs, ys, slopes);
}
