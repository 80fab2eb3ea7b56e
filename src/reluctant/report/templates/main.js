// What happens when the page is opened.
let redraws = [];

function nameClass() {
  document.querySelectorAll(".class-name, #plane-class").forEach((node) => {
    node.textContent = page.classes ? page.classes[output] : "";
  });
}

function redrawEverything() {
  nameClass();
  startInputs.tell?.();
  redrawFunction();
  redraws.forEach((redraw) => redraw());
}

function startOutputs() {
  const names = page.classes || page.outputs.map((o) => o.name);
  if (names.length < 2) {
    return;
  }
  const title = page.classes ? "Class" : "Output";
  const control = select("output", title, names, output, (i) => { output = i; });
  const place = document.createElement("div");
  place.className = "controls";
  place.append(control);
  byId("function-title").after(place);
}

function startCopies() {
  document.querySelectorAll("button.copy").forEach((button) => {
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copies);
      await copied(source);
      button.textContent = "Copied";
      byId("copied").textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
        byId("copied").textContent = "";
      }, 1500);
    });
  });
}

// Of a long table the first rows are shown; the rest at a click, and to readers without script.
function startTables() {
  document.querySelectorAll("button.more").forEach((button) => {
    const rest = Array.from(button.previousElementSibling.querySelectorAll("tbody tr")).slice(24);
    rest.forEach((row) => { row.hidden = true; });
    button.hidden = false;
    button.addEventListener("click", () => {
      rest.forEach((row) => { row.hidden = false; });
      rest[0].querySelector("th").tabIndex = -1;
      rest[0].querySelector("th").focus();
      button.remove();
    });
  });
}

async function copied(source) {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(source.textContent);
      return;
    } catch (refused) {
      // a page from a file may not write to it: the selection goes there
    }
  }
  getSelection().selectAllChildren(source);
  document.execCommand("copy");
}

startOutputs();
if (isLine) {
  redrawLine = figure("function-chart", drawLine);
  redrawFunction = redrawLine;
  byId("at").addEventListener("input", () => pointAt(byId("at").value === "" ? NaN : Number(byId("at").value)));
  if (fits) {
    redrawSize = figure("size-chart", drawErrors);
    startTolerance();
  }
  startP();
} else if (page.view === "plane") {
  startPlane();
} else if (page.used.length) {
  startInputs();
}
if (!isLine && page.sizes) {
  figure("size-chart", drawSizes);
}
redraws = [
  figure("calibration-chart", drawCalibration),
  figure("residual-chart", drawResiduals),
  figure("network-chart", drawNetwork),
];
startCopies();
startTables();
nameClass();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawEverything);

// For the console: the model itself, and what is shown.
globalThis.report = {
  predict: exported,
  current: () => ({ neurons: current?.neurons, at: current?.at, knots: current ? Array.from(current.knots) : [] }),
  page,
};
