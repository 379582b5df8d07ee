// The map: kilometres around the epicentre, x to the east and y to the south.
const chart = $("#chart");
// The scale stays as it is when the window grows, so that the map shows more instead of jumping.
const view = { x: 0, y: 0, half: DATA.map.half };
const MIN_HALF = 6;
const MAX_HALF = DATA.map.half * 1.7;
const stacked = matchMedia("(max-width: 1020px)");
let scaleKm = 1; // kilometres a CSS pixel
let side = 0; // pixels that show 2 * half kilometres
let width = 0;

function draw() {
  const box = chart.getBoundingClientRect();
  if (!box.width || !box.height) return;
  if (box.width !== width) side = Math.min(box.width, box.height);
  width = box.width;
  scaleKm = (2 * view.half) / side;
  const wide = (scaleKm * box.width) / 2, tall = (scaleKm * box.height) / 2;
  const reach = DATA.map.reach;
  view.x = clamp(view.x, Math.min(0, wide - reach), Math.max(0, reach - wide));
  view.y = clamp(view.y, Math.min(0, tall - reach), Math.max(0, reach - tall));
  chart.setAttribute("viewBox", `${view.x - wide} ${view.y - tall} ${2 * wide} ${2 * tall}`);
  for (const mark of $$("[data-x]", chart)) {
    mark.setAttribute("transform", `translate(${mark.dataset.x} ${mark.dataset.y}) scale(${scaleKm})`);
    if (mark.dataset.r) mark.style.display = mark.dataset.r / scaleKm < 22 ? "none" : "";
  }
  drawScale();
  nameTowns(wide, tall);
}

function drawScale() {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const km = steps.findLast((step) => step / scaleKm <= 110) ?? 1;
  $("#scale i").style.width = `${km / scaleKm}px`;
  $("#scale span").textContent = `${km} km`;
}

// The largest towns first; one is named where its label meets no other label, dot or the star.
function nameTowns(wide, tall) {
  const layer = $("#towns");
  const corner = { x: (view.x + wide) / scaleKm - 26, y: (view.y - tall) / scaleKm + 60, w: 26, h: 60 };
  const labelled = $$("[data-r]", chart).filter((label) => label.style.display !== "none");
  const taken = [{ x: 0, y: 0, w: 13, h: 13 }, corner];
  for (const label of labelled) taken.push({ x: 0, y: label.dataset.y / scaleKm - 7, w: 22, h: 7 });
  for (const spot of $$(".spot", chart)) {
    const r = Number($(".dot", spot).getAttribute("r"));
    taken.push({ x: spot.dataset.x / scaleKm, y: spot.dataset.y / scaleKm, w: r, h: r });
  }
  const free = (box) => taken.every((other) =>
    Math.abs(box.x - other.x) > box.w + other.w || Math.abs(box.y - other.y) > box.h + other.h);
  const named = [], labels = [];
  const covers = (box) => labels.some((other) =>
    Math.abs(box.x - other.x) < box.w + other.w && Math.abs(box.y - other.y) < box.h + other.h);
  for (const [name, x, y, population] of DATA.map.towns) {
    if (Math.abs(x - view.x) > wide || Math.abs(y - view.y) > tall || named.length >= 32) continue;
    const px = x / scaleKm, py = y / scaleKm, w = name.length * (population >= 100000 ? 3.8 : 3.3) + 4;
    const edge = { x: view.x / scaleKm, y: view.y / scaleKm, w: wide / scaleKm, h: tall / scaleKm };
    // Beside the town, above, below, and further off for towns under a dot.
    const places = [5, 14].flatMap((gap) => [
      { dx: gap + 2, dy: 4, anchor: "start", box: { x: px + gap + w, y: py, w, h: 8 } },
      { dx: -gap - 2, dy: 4, anchor: "end", box: { x: px - gap - w, y: py, w, h: 8 } },
      { dx: 0, dy: -gap - 3, anchor: "middle", box: { x: px, y: py - gap - 7, w, h: 8 } },
      { dx: 0, dy: gap + 12, anchor: "middle", box: { x: px, y: py + gap + 8, w, h: 8 } },
    ]);
    const inside = (box) => Math.abs(box.x - edge.x) + box.w < edge.w && Math.abs(box.y - edge.y) + box.h < edge.h;
    const place = places.find(({ box }) => inside(box) && free(box));
    // A town may lie under a dot, which is about it, but not under another town's name.
    if (!place || covers({ x: px, y: py, w: 3, h: 3 })) continue;
    labels.push(place.box);
    taken.push(place.box, { x: px, y: py, w: 3, h: 3 });
    named.push(townMark(name, x, y, population, place));
  }
  layer.replaceChildren(...named);
}

function townMark(name, x, y, population, place) {
  const make = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const mark = make("g", {
    class: population >= 100000 ? "town large" : "town",
    "data-x": x, "data-y": y, transform: `translate(${x} ${y}) scale(${scaleKm})`,
  });
  const label = make("text", { x: place.dx, y: place.dy, "text-anchor": place.anchor });
  label.textContent = name;
  mark.append(make("circle", { r: 2.4 }), label);
  return mark;
}

let queued = 0;
function redraw() {
  queued ||= requestAnimationFrame(() => { queued = 0; draw(); });
}

function zoomBy(factor, at = null) {
  const half = clamp(view.half * factor, MIN_HALF, MAX_HALF);
  if (at) {
    const real = half / view.half;
    view.x = at.x + (view.x - at.x) * real;
    view.y = at.y + (view.y - at.y) * real;
  }
  view.half = half;
  redraw();
}

function resetMap() {
  Object.assign(view, { x: 0, y: 0, half: DATA.map.half });
  width = 0; // fit again
  redraw();
}

function toKm(event) {
  const box = chart.getBoundingClientRect();
  return {
    x: view.x + (event.clientX - box.left - box.width / 2) * scaleKm,
    y: view.y + (event.clientY - box.top - box.height / 2) * scaleKm,
  };
}

function showWhere({ x, y }) {
  const R = 6371, rad = Math.PI / 180, distance = Math.hypot(x, y), c = distance / R;
  const lat0 = DATA.map.latitude * rad;
  const lat = distance ? Math.asin(Math.cos(c) * Math.sin(lat0) - (y * Math.sin(c) * Math.cos(lat0)) / distance) : lat0;
  const turn = Math.atan2(x * Math.sin(c), distance * Math.cos(lat0) * Math.cos(c) + y * Math.sin(lat0) * Math.sin(c));
  const lon = (((DATA.map.longitude + turn / rad + 540) % 360) + 360) % 360 - 180;
  const name = (value, plus, minus) => `${Math.abs(value).toFixed(2)}° ${value < 0 ? minus : plus}`;
  $("#where").textContent =
    `${name(lat / rad, "N", "S")}, ${name(lon, "E", "W")} · ${distance.toFixed(0)} km from epicentre`;
}

let hintTimer = 0;
function hint(text) {
  $("#hint").textContent = text;
  clearTimeout(hintTimer);
  hintTimer = setTimeout(() => { $("#hint").textContent = ""; }, 1400);
}

function startMap() {
  const down = new Map();
  let moved = 0;
  chart.addEventListener("wheel", (event) => {
    // Where the map scrolls with the page, a plain wheel belongs to the page.
    if (stacked.matches && !event.ctrlKey && !event.metaKey) return hint("Ctrl and wheel to zoom");
    event.preventDefault();
    zoomBy(Math.exp(clamp(event.deltaY, -120, 120) * 0.0022), toKm(event));
  }, { passive: false });
  chart.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, event);
    moved = 0;
  });
  addEventListener("pointermove", (event) => {
    if (event.target.closest?.("#map") && event.pointerType === "mouse") showWhere(toKm(event));
    const last = down.get(event.pointerId);
    if (!last) return;
    const step = Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY);
    moved += step;
    const others = [...down.values()].filter((other) => other.pointerId !== event.pointerId);
    if (event.pointerType === "touch" && !others.length) return; // one finger scrolls the page
    if (moved > 4) chart.classList.add("moving");
    const share = others.length ? 0.5 : 1;
    view.x -= (event.clientX - last.clientX) * scaleKm * share;
    view.y -= (event.clientY - last.clientY) * scaleKm * share;
    if (others.length) {
      const gap = (point) => Math.hypot(point.clientX - others[0].clientX, point.clientY - others[0].clientY) || 1;
      zoomBy(gap(last) / gap(event));
    }
    down.set(event.pointerId, event);
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, (event) => {
      if (down.delete(event.pointerId) && event.pointerType === "touch" && moved > 12 && end === "pointercancel") {
        if (!down.size) hint("Two fingers move the map");
      }
      chart.classList.remove("moving");
    });
  }
  $("#map").addEventListener("pointerleave", () => { $("#where").textContent = ""; });
  chart.addEventListener("click", (event) => {
    const spot = event.target.closest(".spot");
    if (spot && moved < 6) pickSpot(Number(spot.dataset.spot));
  });
  chart.addEventListener("dblclick", (event) => { if (!event.target.closest(".spot")) zoomBy(0.5, toKm(event)); });
  chart.addEventListener("keydown", mapKey);
  chart.addEventListener("focusin", (event) => {
    const spot = event.target.closest(".spot:focus-visible");
    if (!spot) return;
    const box = chart.getBoundingClientRect(), x = Number(spot.dataset.x), y = Number(spot.dataset.y);
    const inside = Math.abs(x - view.x) < (scaleKm * box.width) / 2 && Math.abs(y - view.y) < (scaleKm * box.height) / 2;
    if (!inside) Object.assign(view, { x, y });
    redraw();
  });
  $(".zoom").addEventListener("click", (event) => {
    const what = event.target.closest("button")?.dataset.zoom;
    if (what === "reset") resetMap();
    else if (what) zoomBy(what === "in" ? 0.6 : 1 / 0.6);
  });
  new ResizeObserver(redraw).observe(chart);
  addEventListener("beforeprint", draw);
  draw();
}

function mapKey(event) {
  const spot = event.target.closest(".spot");
  if (spot && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    return pickSpot(Number(spot.dataset.spot));
  }
  const step = view.half * 0.2;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (moves[event.key]) {
    view.x += moves[event.key][0];
    view.y += moves[event.key][1];
    redraw();
  } else if (event.key === "+" || event.key === "=") zoomBy(0.6);
  else if (event.key === "-") zoomBy(1 / 0.6);
  else if (event.key === "0") resetMap();
  else return;
  event.preventDefault();
}
