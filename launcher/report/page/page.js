// The page: what all runs have together, then the details of one.

const data = JSON.parse(document.getElementById("report-data").textContent);

function headerOf(runs) {
  const subtitle = runs.length === 1
    ? [element("p", { class: "soft path" }, runs[0].dir), element("p", { class: "soft" }, `${runs[0].subcommand}${runs[0].member ? `, ${runs[0].member}` : ""}: ${stateOf(runs[0])}`)]
    : [element("p", { class: "soft" }, `${runs.length} runs compared`)];
  return element("header", {}, element("h1", {}, runs.length === 1 ? runs[0].name : "Runs compared"), subtitle);
}

function notesOf(run) {
  const warning = run.end && run.end.warning ? [run.end.warning] : [];
  return [...warning, ...run.model.remarks].map((text) => element("p", { class: "note small" }, text));
}

function detailsOf(run) {
  return [notesOf(run), confusionSection(run), worstSection(run), weightsSection(run), configurationSection(run),
    machineSection(run)];
}

function numbersSection(run) {
  const numbers = epochsTable(run);
  if (!numbers) return null;
  return section("epochs", "Epochs", hasCharts()
    ? element("details", {}, element("summary", {}, "The numbers of the curves"), numbers) : numbers);
}

function build(runs) {
  const page = document.getElementById("report");
  const several = runs.length > 1;
  const details = element("div", { id: "details" });
  const show = (i) => details.replaceChildren(...[numbersSection(runs[i]), detailsOf(runs[i])].flat(Infinity)
    .filter((part) => part instanceof Node));
  page.replaceChildren(...[
    headerOf(runs),
    several ? comparisonSection(runs) : tiles(runs[0]),
    several ? differencesSection(runs) : null,
    hasCharts() ? curvesSection(runs) : section("curves", "Curves", element("p", { class: "note" }, `No charts: ${data.charts}.`)),
    phasesSection(runs),
    several ? element("div", { class: "controls", id: "choice" }, choice("Details of",
      runs.map((run, i) => [String(i), run.name]), "0", (value) => show(Number(value)))) : null,
    details,
    element("footer", {}, `Made by lockstep ${data.lockstep}. This page needs no network.`),
  ].filter(Boolean));
  show(0);
  if (hasCharts()) drawCharts(page);
}

build(data.runs);
if (hasCharts()) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(document));
}
