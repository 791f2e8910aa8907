// Making elements. Every text comes in as a text node, so that no name of a file or class can be markup.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

function section(id, title, ...children) {
  return element("section", { id }, element("h2", {}, title), ...children);
}

function scrolling(...children) {
  return element("div", { class: "scroll" }, ...children);
}

// `columns`: [{ title, number }]; `rows`: lists of cells, each a text, a node or { text, best }.
function table(columns, rows, attributes) {
  const head = columns.map((column) =>
    element("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((cells) => element("tr", {}, cells.map((cell, i) => {
    const marked = cell !== null && typeof cell === "object" && !(cell instanceof Node);
    const classes = [columns[i].number && "number", columns[i].value && "value", columns[i].name && "name", marked && cell.best && "best"];
    return element("td", { class: classes.filter(Boolean).join(" ") || null }, marked ? cell.text : cell);
  })));
  return element("table", attributes || {}, element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, body));
}

function swatch(color) {
  const made = element("span", { class: "swatch" });
  made.style.background = color;
  return made;
}

// A choice with its words in front; `choices`: [[value, text]].
function choice(words, choices, chosen, changed) {
  const select = element("select", {}, choices.map(([value, text]) =>
    element("option", { value, selected: value === chosen }, text)));
  select.addEventListener("change", () => changed(select.value));
  return element("label", {}, words, select);
}

function tick(words, ticked, changed) {
  const box = element("input", { type: "checkbox", checked: ticked });
  box.addEventListener("change", () => changed(box.checked));
  return element("label", {}, box, words);
}
