// Numbers as a reader likes them.

const NONE = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function percent(value, digits = 2) {
  return isNumber(value) ? (100 * value).toFixed(digits) + "\u00a0%" : NONE;
}

function whole(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en-US").replaceAll(",", "\u202f") : NONE;
}

// Four significant digits.
function decimal(value) {
  if (!isNumber(value)) return NONE;
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9)) return value.toExponential(2);
  if (Math.abs(value) >= 1e4) return whole(value);
  return String(Number(value.toPrecision(4)));
}

function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 1e-3) return decimal(1e6 * seconds) + " µs";
  if (seconds < 1) return decimal(1e3 * seconds) + " ms";
  if (seconds < 100) return seconds.toFixed(1) + " s";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// A name of metrics.jsonl as words: "communication_exposed".
const words = (name) => String(name).replaceAll("_", " ");

// Colours that are told apart on light and on dark paper, by most who see few colours, too.
const COLORS = ["#2f7ed8", "#e0752d", "#2a9d78", "#b0549f", "#b8922a", "#6a6fd0", "#cc4b4b", "#2fa3b5"];

function colorOf(i) {
  return i < COLORS.length ? COLORS[i] : `hsl(${Math.round((i * 137.508) % 360)} 55% 52%)`;
}
