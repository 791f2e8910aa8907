// Curves over the run, by Chart.js.

const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const hasCharts = () => typeof Chart !== "undefined";

// How the sets are told apart where the colour says which run it is.
const SETS = [["train", "training", []], ["validation", "validation", [6, 4]], ["test", "test", [2, 3]]];

const drawn = new Set();

function setChartColors() {
  Chart.defaults.color = styleOf("--soft");
  Chart.defaults.borderColor = styleOf("--line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
}

// Puts a chart of `configure()` into a box, and again when light becomes dark. Charts are drawn once they are in the
// page, where their size is known.
function chart(label, configure) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const box = element("div", { class: "chart" }, canvas);
  const draw = () => {
    setChartColors();
    const made = new Chart(canvas, configure());
    drawn.add(made);
    box.redraw = () => {
      drawn.delete(made);
      made.destroy();
      if (canvas.isConnected) draw();
    };
  };
  box.draw = draw;
  return box;
}

function drawCharts(within) {
  for (const box of within.querySelectorAll(".chart")) {
    if (box.redraw) box.redraw();
    else box.draw();
  }
}

const X_AXES = {
  epoch: ["epochs", (run, columns, i) => fractionOfEpochs(run, columns, i)],
  step: ["steps", (run, columns, i) => columns.step[i]],
  seconds: ["seconds", (run, columns, i) => columns.seconds[i]],
};

function fractionOfEpochs(run, columns, i) {
  return isNumber(run.steps_per_epoch) && run.steps_per_epoch > 0 && columns.step
    ? columns.step[i] / run.steps_per_epoch : columns.epoch[i];
}

// [{x, y}] of the values of a column that are there.
function points(run, columns, values, axis) {
  const x = X_AXES[axis][1];
  return (values || []).map((y, i) => ({ x: x(run, columns, i), y }))
    .filter((point) => isNumber(point.x) && isNumber(point.y));
}

// Samples a second between two lines of the log, since what is logged is the mean since the start.
function throughput(columns) {
  const { samples, training_seconds: seconds } = columns;
  if (!samples || !seconds) return [];
  return samples.map((count, i) => {
    const before = i === 0 ? 0 : samples[i - 1];
    const time = seconds[i] - (i === 0 ? 0 : seconds[i - 1]);
    return isNumber(time) && time > 0 && count > before ? (count - before) / time : null;
  });
}

function curve(label, data, color, dash, extra) {
  return Object.assign({
    label, data, borderColor: color, backgroundColor: color, borderDash: dash, borderWidth: 2,
    pointRadius: data.length <= 25 ? 2.5 : 0, pointHitRadius: 8, tension: 0,
  }, extra);
}

// The curves of the losses or accuracies of all runs.
function setCurves(runs, what, axis) {
  const sets = [];
  for (const [i, run] of runs.entries()) {
    if (what === "loss" && runs.length === 1) {
      sets.push(curve("training, by batch", points(run, run.steps, run.steps.train_loss, axis), colorOf(0) + "55", [],
        { borderWidth: 1, pointRadius: 0, order: 9 }));
    }
    for (const [k, [name, text, dash]] of SETS.entries()) {
      const data = points(run, run.epochs, run.epochs[`${name}_${what}`], axis);
      const alone = runs.length === 1;
      sets.push(curve(alone ? text : `${run.name}, ${text}`, data, colorOf(alone ? k : i), alone ? [] : dash,
        { run: alone ? undefined : run.name }));
    }
  }
  return sets.filter((one) => one.data.length > 0);
}

// One curve a run, of its steps where the log has more of these.
function runCurves(runs, name, axis) {
  return runs.map((run, i) => {
    const columns = (run.steps[name] || []).length > (run.epochs[name] || []).length ? run.steps : run.epochs;
    return curve(run.name, points(run, columns, columns[name], axis), colorOf(i), [], { pointRadius: 0 });
  }).filter((one) => one.data.length > 0);
}

function throughputCurves(runs, axis) {
  return runs.map((run, i) => {
    const columns = (run.epochs.epoch || []).length > 1 ? run.epochs : run.steps;
    return curve(run.name, points(run, columns, throughput(columns), axis), colorOf(i), []);
  }).filter((one) => one.data.length > 0);
}

// Of several runs one entry each, whatever its curves are of; it hides and shows all of them.
function runsLegend() {
  const same = (chart, item) => chart.data.datasets.flatMap((one, i) =>
    (one.run === chart.data.datasets[item.datasetIndex].run ? [i] : []));
  return {
    labels: {
      boxWidth: 12, padding: 10,
      generateLabels: (made) => Chart.defaults.plugins.legend.labels.generateLabels(made)
        .filter((item) => same(made, item)[0] === item.datasetIndex)
        .map((item) => ({ ...item, text: made.data.datasets[item.datasetIndex].run, lineDash: [] })),
    },
    onClick: (event, item, legend) => {
      const shown = legend.chart.isDatasetVisible(item.datasetIndex);
      for (const i of same(legend.chart, item)) legend.chart.setDatasetVisibility(i, !shown);
      legend.chart.update();
    },
  };
}

function lineChart(datasets, axis, options) {
  const number = (value) => (options.percent ? percent(value) : decimal(value));
  return {
    type: "line",
    data: { datasets },
    options: {
      parsing: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: { type: "linear", title: { display: true, text: X_AXES[axis][0] }, grid: { display: false },
          ticks: { maxTicksLimit: 9 } },
        y: { type: options.log ? "logarithmic" : "linear", beginAtZero: Boolean(options.zero),
          ticks: { maxTicksLimit: 7, callback: (value) => (options.percent ? `${decimal(100 * value)} %`
            : decimal(value)) } },
      },
      plugins: {
        legend: { display: datasets.length > 1, position: "bottom", ...(datasets.some((one) => one.run) ? runsLegend()
          : { labels: { usePointStyle: true, pointStyle: "line", boxWidth: 28, padding: 10 } }) },
        tooltip: { callbacks: {
          title: (items) => (items.length > 0 ? `${X_AXES[axis][0]}: ${decimal(items[0].parsed.x)}` : ""),
          label: (item) => `${item.dataset.label}: ${number(item.parsed.y)}`,
        } },
      },
    },
  };
}

// All curves, with the choice of what they are drawn over.
function curvesSection(runs) {
  const state = { axis: "epoch", log: false };
  const kinds = [
    ["Loss", () => setCurves(runs, "loss", state.axis), () => ({ log: state.log })],
    ["Accuracy", () => setCurves(runs, "accuracy", state.axis), () => ({ percent: true })],
    ["Learning rate", () => runCurves(runs, "learning_rate", state.axis), () => ({ zero: true })],
    ["Samples a second, training alone", () => throughputCurves(runs, state.axis), () => ({ zero: true })],
    ["Norm of the gradient", () => runCurves(runs, "gradient_norm", state.axis), () => ({ log: true })],
    ["Share of the communication that is hidden", () => runs.length > 0
      ? runCurves(runs.map((run) => ({ ...run, steps: {} })), "communication_hidden_share", state.axis) : [],
    () => ({ percent: true, zero: true })],
  ].filter(([, curves]) => curves().length > 0);
  if (kinds.length === 0) return null;
  const boxes = kinds.map(([title, curves, options]) => element("div", {}, element("h3", {}, title),
    chart(title, () => lineChart(curves(), state.axis, options()))));
  const grid = element("div", { class: "grid" }, boxes);
  return section("curves", "Curves",
    element("div", { class: "controls" },
      choice("over", Object.entries(X_AXES).map(([name, [text]]) => [name, text]), state.axis, (value) => {
        state.axis = value;
        drawCharts(grid);
      }),
      tick("logarithmic loss", state.log, (value) => {
        state.log = value;
        drawCharts(grid);
      }),
      runs.length > 1 && element("span", { class: "soft small" },
        "a colour for each run; losses and accuracies: training solid, validation dashed, test dotted")),
    grid);
}

// What the curves show, as a table: for those without the library, and for those who want the numbers.
function epochsTable(run) {
  const columns = run.epochs;
  const count = (columns.epoch || []).length;
  if (count === 0) return null;
  const names = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss",
    "test_accuracy", "learning_rate"].filter((name) => columns[name]);
  const rates = throughput(columns);
  const show = (name, value) => (name.endsWith("accuracy") ? percent(value) : decimal(value));
  const rows = [];
  for (let i = 0; i < count; ++i) {
    rows.push([whole(columns.epoch[i]), duration(columns.seconds[i]),
      ...names.map((name) => show(name, columns[name][i])), whole(rates[i])]);
  }
  const heads = ["epoch", "time", ...names.map(words), "samples/s"].map((title) => ({ title, number: true }));
  return scrolling(table(heads, rows));
}
