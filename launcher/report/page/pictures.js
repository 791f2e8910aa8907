// Samples and weights as pictures, drawn from their bytes.

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// `paint(bytes, i)`: red, green and blue of pixel i.
function picture(pixels, frame, label, paint) {
  const canvas = element("canvas", { width: frame.width, height: frame.height, role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const image = context.createImageData(frame.width, frame.height);
  const bytes = bytesOf(pixels);
  for (let i = 0; i < frame.width * frame.height; ++i) {
    const [red, green, blue] = paint(bytes, i);
    image.data.set([red, green, blue, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function asImage(frame) {
  return frame.channels === 3 ? (bytes, i) => bytes.slice(3 * i, 3 * i + 3) : (bytes, i) => [bytes[i], bytes[i], bytes[i]];
}

// White is 0, blue above it, orange below.
function asWeights(frame) {
  if (frame.channels === 3) return asImage(frame);
  const positive = [33, 92, 170];
  const negative = [196, 86, 20];
  return (bytes, i) => {
    const value = (bytes[i] - 128) / 127;
    const end = value >= 0 ? positive : negative;
    const strength = Math.min(1, Math.abs(value)) ** 0.8;
    return end.map((part) => Math.round(250 + (part - 250) * strength));
  };
}

function worstSection(run) {
  const { worst, confusion, set } = run.model;
  if (!worst || worst.samples.length === 0) return null;
  const name = (c) => confusion.classes[c];
  const caption = (one) => [
    element("div", {}, "as ", element("span", { class: "wrong" }, name(one.predicted)), ` ·\u00a0${percent(one.of_predicted, 0)}`),
    element("div", { class: "soft" }, `is ${name(one.label)} ·\u00a0${percent(one.of_label, 0)}`),
    element("div", { class: "soft" }, `sample ${one.sample}`),
  ];
  const intro = element("p", { class: "soft" }, `${whole(worst.wrong)} samples of ${SET_WORDS[set]} are taken for ` +
    "another class. Those of which the network is surest, with its output for that class and for the label:");
  if (!worst.frame) {
    return section("worst", "Worst samples", intro, scrolling(table(
      [{ title: "sample", number: true }, { title: "label" }, { title: "taken for" },
        { title: "output of the label", number: true }, { title: "largest output", number: true }],
      worst.samples.map((one) => [one.sample, name(one.label), name(one.predicted), decimal(one.of_label),
        decimal(one.of_predicted)]))));
  }
  return section("worst", "Worst samples", intro, element("div", { class: "pictures" }, worst.samples.map((one) =>
    element("figure", {}, picture(one.pixels, worst.frame, `sample ${one.sample}`, asImage(worst.frame)),
      element("figcaption", {}, caption(one))))));
}

function weightsSection(run) {
  const { weights } = run.model;
  if (!weights) return null;
  if (weights.missing) return section("weights", "First layer", element("p", { class: "soft" }, `Not shown: ${weights.missing}.`));
  const all = weights.pictures.length === weights.neurons;
  return section("weights", "First layer", element("p", { class: "soft" },
    `${weights.block}: what ${all ? "the" : `the ${weights.pictures.length} of`} ${whole(weights.neurons)} neurons look at` +
    `${all ? "" : " that have the largest weights"}. ` + (weights.frame.channels === 3 ? "Grey is 0."
      : "Blue is above 0, orange below, white is 0; each picture has a scale of its own.")),
  element("div", { class: "weights" }, weights.pictures.map((one) =>
    element("figure", { title: `neuron ${one.neuron}: ${decimal(one.least)} to ${decimal(one.largest)}, norm ${decimal(one.norm)}` },
      picture(one.pixels, weights.frame, `weights of neuron ${one.neuron}`, asWeights(weights.frame)),
      element("figcaption", {}, one.neuron)))));
}
