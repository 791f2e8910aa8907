// Which classes are taken for which, and how well each is known.

const SET_WORDS = { test: "the test set", validation: "the validation part", train: "the training set" };

function matrixTable(confusion) {
  const { classes, matrix } = confusion;
  const long = classes.some((name) => name.length > 3);
  const most = Math.max(1, ...matrix.flatMap((row, c) => row.filter((_, p) => p !== c)));
  const head = element("tr", {}, element("th", {}),
    classes.map((name) => element("th", { scope: "col", class: long ? "up" : "number-head" }, name)));
  const rows = matrix.map((row, c) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return element("tr", {}, element("th", { scope: "row" }, classes[c]), row.map((count, p) => {
      const right = p === c;
      const cell = element("td", { class: right ? "diagonal" : count === 0 ? "nothing" : null,
        title: `${classes[c]} taken for ${classes[p]}: ${count} of ${all}` }, count);
      const strength = right ? (all > 0 ? 0.5 * count / all : 0) : 0.75 * Math.sqrt(count / most);
      if (strength > 0) cell.style.background = `rgba(var(${right ? "--good" : "--bad"}), ${strength.toFixed(3)})`;
      return cell;
    }));
  });
  return element("table", { class: "matrix" }, element("thead", {}, head), element("tbody", {}, rows));
}

function share(value) {
  const made = element("span", {}, percent(value, 1));
  if (!isNumber(value)) return made;
  const bar = element("span", { class: "bar" });
  bar.style.width = `${Math.round(40 * value)}px`;
  const rest = element("span", { class: "bar-rest" });
  rest.style.width = `${40 - Math.round(40 * value)}px`;
  made.append(bar, rest);
  return made;
}

function harmonicMean(a, b) {
  return isNumber(a) && isNumber(b) && a + b > 0 ? 2 * a * b / (a + b) : null;
}

// The worst classes first.
function classTable(confusion) {
  const rows = confusion.per_class.map((one, c) => ({ ...one, name: confusion.classes[c],
    f1: harmonicMean(one.precision, one.recall) }));
  rows.sort((a, b) => (a.f1 === null ? -1 : a.f1) - (b.f1 === null ? -1 : b.f1));
  return scrolling(table([{ title: "class" }, ...["precision", "recall", "F1", "samples"]
    .map((title) => ({ title, number: true }))],
  rows.map((row) => [row.name, share(row.precision), share(row.recall), percent(row.f1, 1), whole(row.samples)])));
}

function confusedTable(confusion) {
  if (confusion.most_confused.length === 0) return null;
  const name = (c) => confusion.classes[c];
  return element("div", {}, element("h3", {}, "Confused most"), scrolling(table(
    [{ title: "label" }, { title: "taken for" }, { title: "samples", number: true },
      { title: "share", number: true }],
    confusion.most_confused.map((pair) => [name(pair.label), name(pair.predicted), whole(pair.samples),
      percent(pair.samples / confusion.per_class[pair.label].samples, 1)]))));
}

function confusionSection(run) {
  const { confusion, set } = run.model;
  if (!confusion) return null;
  return section("confusion", "Confusion", element("p", { class: "soft" },
    `Accuracy ${percent(confusion.accuracy)} on the ${whole(confusion.samples)} samples of ${SET_WORDS[set]}. ` +
    (confusion.matrix ? "A row for each label, a column for each prediction." : "")),
  element("div", { class: "beside" },
    confusion.matrix && scrolling(matrixTable(confusion)),
    element("div", {}, element("h3", {}, "Classes, the worst first"), classTable(confusion)),
    confusedTable(confusion)));
}
