// How a run was made: its configuration with where each value came from, the machine, the build.

function optionsTable(options) {
  return scrolling(table([{ title: "key" }, { title: "value", value: true }, { title: "from" }],
    options.map(({ key, value, origin }) => [element("code", {}, key),
      value === "" ? element("span", { class: "soft" }, "(empty)") : element("code", {}, value),
      element("span", { class: "soft" }, origin)])));
}

function configurationSection(run) {
  const given = run.options.filter((option) => option.given);
  const defaults = run.options.filter((option) => !option.given);
  return section("configuration", "Configuration", optionsTable(given),
    element("details", {}, element("summary", {}, `${defaults.length} settings as they are by default`),
      optionsTable(defaults)));
}

function machineSection(run) {
  const rows = Object.entries(run.facts).map(([label, text]) => [label, text]);
  if (run.checkpoints > 0) rows.push(["Checkpoints", whole(run.checkpoints)]);
  const sessions = (run.sessions || []).filter((one) => one !== null && typeof one === "object");
  return section("machine", "Machine and build",
    scrolling(table([{ title: "" }, { title: "", value: true }], rows)),
    sessions.length > 0 && element("div", {}, element("p", {}), element("h3", {}, "Went on"), scrolling(table(
      [{ title: "from step", number: true }, { title: "started" }, { title: "ranks", number: true },
        { title: "changed", value: true }],
      sessions.map((one) => [whole(one.from_step), String(one.started || NONE), whole(one.ranks),
        Object.entries(one.changed || {}).map(([key, value]) => `${key} = ${value}`).join(", ") || NONE])))));
}
