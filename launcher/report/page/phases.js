// Where the time went: the phases of training over the ranks, and by epoch.

const PHASES = ["data", "forward", "backward", "communication_exposed", "optimizer", "evaluation", "checkpoint", "other"];

// [name, {min, mean, max, share}] of the phases that the end of a run has, in their order.
function phasesOf(run) {
  const phases = (run.end && run.end.phases) || {};
  const known = PHASES.filter((name) => phases[name]);
  const others = Object.keys(phases).filter((name) => !PHASES.includes(name));
  return [...known, ...others].map((name) => [name, phases[name]])
    .filter(([, phase]) => phase !== null && typeof phase === "object" && isNumber(phase.mean));
}

function phaseTable(run) {
  const rows = phasesOf(run).map(([name, phase]) => [
    element("span", {}, swatch(colorOf(Math.max(0, PHASES.indexOf(name)))), words(name)),
    duration(phase.min), duration(phase.mean), duration(phase.max), percent(phase.share, 1),
    phase.mean > 0 ? percent(phase.max / phase.mean - 1, 1) : NONE,
  ]);
  return scrolling(table([{ title: "phase", name: true },
    ...["least", "mean", "most", "share", "imbalance"].map((title) => ({ title, number: true }))], rows));
}

function stackedBars(labels, parts, horizontal) {
  const value = { stacked: true, title: { display: true, text: "seconds" }, ticks: { maxTicksLimit: 7 } };
  const name = { stacked: true, grid: { display: false }, title: { display: !horizontal, text: "epoch" } };
  return {
    type: "bar",
    data: { labels, datasets: parts.map(([phase, data]) => ({
      label: words(phase), data, backgroundColor: colorOf(Math.max(0, PHASES.indexOf(phase))), maxBarThickness: 34 })) },
    options: {
      indexAxis: horizontal ? "y" : "x",
      scales: horizontal ? { x: value, y: name } : { x: name, y: value },
      plugins: {
        legend: { position: "bottom", labels: { boxWidth: 12, padding: 10 } },
        tooltip: { mode: "index", callbacks: {
          label: (item) => `${item.dataset.label}: ${duration(item.raw)}` } },
      },
    },
  };
}

// The bars of all runs beside each other.
function runBars(runs) {
  const names = PHASES.filter((name) => runs.some((run) => phasesOf(run).some(([phase]) => phase === name)));
  const seconds = (run, name) => (phasesOf(run).find(([phase]) => phase === name) || [null, { mean: 0 }])[1].mean;
  return chart("Seconds of each phase", () => stackedBars(runs.map((run) => run.name),
    names.map((name) => [name, runs.map((run) => seconds(run, name))]), true));
}

function epochBars(run) {
  const columns = run.phases || {};
  const names = PHASES.filter((name) => columns[name]);
  if (names.length === 0 || (columns.epoch || []).length < 2) return null;
  return chart("Seconds of each phase by epoch",
    () => stackedBars(columns.epoch, names.map((name) => [name, columns[name]]), false));
}

function phasesSection(runs) {
  const timed = runs.filter((run) => phasesOf(run).length > 0);
  if (timed.length === 0) return null;
  const tables = timed.map((run) => element("div", {},
    runs.length > 1 && element("h3", {}, run.name), phaseTable(run)));
  let bars = null;
  if (hasCharts() && timed.length === 1) bars = epochBars(timed[0]);
  if (hasCharts() && bars === null) bars = runBars(timed);
  return section("phases", "Phases", element("p", { class: "soft small" },
    "Least, mean and most are over the ranks, bars are the mean; the imbalance is by how much the slowest is above it."),
  element("div", { class: "grid" }, timed.length === 1 ? [tables, bars] : [bars, tables]));
}
