// The current selection as files, in the form of posts.csv and posts.geojson.
// Before what begins a formula, at the start of a text or after a separator or a quote; as in quakelens/report/text.py.
const FORMULA = /(?:^|(?<=[;,|"'\t\r\n]))(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])/g;

function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(4);
  const text = value.replace(FORMULA, "'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvOf(found) {
  const lines = [DATA.csv_columns.join(",")];
  for (const { posts } of found) {
    for (const { row, at } of posts) {
      const cells = DATA.columns.map((name) =>
        name === "probability" ? row[name].toFixed(4) : csvCell(row[name]));
      lines.push([...cells, at ? at[0].toFixed(5) : "", at ? at[1].toFixed(5) : ""].join(","));
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}

function geojsonOf(found) {
  const features = found.flatMap(({ posts }) => posts.map(({ row, at }) => ({
    type: "Feature",
    geometry: at ? { type: "Point", coordinates: [at[1], at[0]] } : null,
    properties: row,
  })));
  return JSON.stringify({ type: "FeatureCollection", features });
}

function download(name, kind, text) {
  const url = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function startExport() {
  const name = `${DATA.earthquake.replace(/[^A-Za-z0-9_-]/g, "_")}-selection`;
  $('[data-act="csv"]').addEventListener("click", () =>
    download(`${name}.csv`, "text/csv;charset=utf-8", csvOf(selection)));
  $('[data-act="geojson"]').addEventListener("click", () =>
    download(`${name}.geojson`, "application/geo+json", geojsonOf(selection)));
}
