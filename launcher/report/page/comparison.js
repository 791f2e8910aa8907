// What runs came to: tiles for one, a table for several, and in which settings these differ.

function stateOf(run) {
  if (run.state === "finished") return run.end.stopped_by === "limit" ? "finished" : `finished (${run.end.stopped_by})`;
  if (run.state === "stopped") return `stopped early (${words(run.end.stopped_by || "as asked")})`;
  if (run.state === "begun") return "no line in the log yet";
  return `not finished: still at work, or killed; the last line was ${duration(run.silent_seconds)} old`;
}

// The value of the run's end, else the newest that an epoch's line has.
function finalValue(run, name) {
  if (run.end && isNumber(run.end[name])) return run.end[name];
  const values = (run.epochs[name] || []).filter(isNumber);
  if (values.length > 0) return values[values.length - 1];
  return run.last && isNumber(run.last[name]) ? run.last[name] : null;
}

const RESULTS = [
  ["test_accuracy", "test accuracy", percent, "most"],
  ["test_loss", "test loss", decimal, "least"],
  ["validation_accuracy", "validation accuracy", percent, "most"],
  ["validation_loss", "validation loss", decimal, "least"],
  ["train_accuracy", "training accuracy", percent, "most"],
  ["train_loss", "training loss", decimal, "least"],
  ["epoch", "epochs", whole, null],
  ["step", "steps", whole, null],
  ["seconds", "time", duration, null],
  ["samples_per_second", "samples/s", whole, "most"],
];

const MACHINE = [["ranks", "ranks"], ["threads", "threads of a rank"], ["parameters", "parameters"]];

function tiles(run) {
  const made = RESULTS.map(([name, text, format]) => [text, finalValue(run, name), format])
    .filter(([, value]) => value !== null).map(([text, value, format]) => [text, format(value)]);
  for (const [name, text] of MACHINE) {
    if (isNumber(run[name])) made.push([text, whole(run[name])]);
  }
  return element("div", { class: "tiles", id: "results" }, made.map(([text, value]) =>
    element("div", { class: "tile" }, element("div", { class: "label" }, text),
      element("div", { class: "value" }, value))));
}

function comparisonSection(runs) {
  const shown = RESULTS.filter(([name]) => runs.some((run) => finalValue(run, name) !== null));
  const best = new Map(shown.filter(([, , , which]) => which).map(([name, , , which]) => {
    const values = runs.map((run) => finalValue(run, name)).filter(isNumber);
    return [name, which === "most" ? Math.max(...values) : Math.min(...values)];
  }));
  const heads = [{ title: "run", name: true }, ...shown.map(([, title]) => ({ title, number: true })),
    ...MACHINE.map(([, title]) => ({ title, number: true })), { title: "state" }];
  const rows = runs.map((run, i) => [
    element("span", {}, swatch(colorOf(i)), run.name),
    ...shown.map(([name, , format]) => {
      const value = finalValue(run, name);
      return { text: format(value), best: value !== null && best.get(name) === value };
    }),
    ...MACHINE.map(([name]) => whole(run[name])),
    run.state === "unfinished" ? "not finished" : stateOf(run),
  ]);
  return section("comparison", "Comparison", scrolling(table(heads, rows)), meansOf(runs, shown));
}

// Mean and standard deviation of networks that are one experiment: folds or bags of a directory.
function meansOf(runs, shown) {
  const folder = (run) => run.dir.slice(0, run.dir.lastIndexOf("/"));
  const members = runs.filter((run) => /^(fold|bag) /.test(run.member || ""));
  return [...new Set(members.map(folder))].map((of) => meanOf(of, members.filter((run) => folder(run) === of), shown));
}

function meanOf(folder, runs, shown) {
  if (runs.length < 2) return null;
  const texts = shown.filter(([, , , which]) => which).map(([name, text, format]) => {
    const values = runs.map((run) => finalValue(run, name)).filter(isNumber);
    if (values.length < 2) return null;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return `${text} ${format(mean)} ± ${format(Math.sqrt(square))}`;
  }).filter(Boolean);
  return element("p", { class: "small soft" },
    `Mean and standard deviation of the ${runs.length} in ${folder}: ${texts.join(", ")}`);
}

// The settings of a run by key; a repeated key's values on lines of their own.
function settingsOf(run) {
  const settings = new Map();
  for (const { key, value } of run.options) settings.set(key, settings.has(key) ? `${settings.get(key)}\n${value}` : value);
  return settings;
}

function differencesSection(runs) {
  const settings = runs.map(settingsOf);
  const keys = [...new Set(settings.flatMap((one) => [...one.keys()]))]
    .filter((key) => key !== "run.dir" && key !== "run.overwrite")
    .filter((key) => new Set(settings.map((one) => one.get(key))).size > 1);
  if (keys.length === 0) return section("differences", "What differs", element("p", { class: "soft" }, "All settings are equal."));
  const lines = (value) => (value === undefined ? NONE : value === "" ? NONE
    : value.split("\n").map((line) => element("div", {}, line)));
  return section("differences", "What differs", scrolling(table(
    [{ title: "key" }, ...runs.map((run, i) => ({ title: [swatch(colorOf(i)), run.name], value: true }))],
    keys.map((key) => [element("code", {}, key), ...settings.map((one) => element("div", {}, lines(one.get(key))))]))));
}
