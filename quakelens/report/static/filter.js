// Filters: a picture is shown if it fits and at least one of its posts does.
const form = $("#filters");
const words = DATA.pictures.map((picture) => picture.posts.map(({ shown, row }) =>
  `${shown.text} ${shown.author} ${shown.place} ${row.post_id}`.toLocaleLowerCase()));
let pickedSpot = null;
let selection = []; // pairs of picture number and its fitting posts, in the order shown

function readFilters() {
  const value = (name) => form.elements[name]?.value ?? "";
  const stop = DATA.hours[Number(value("hours"))];
  return {
    text: value("text").trim().toLocaleLowerCase(),
    decision: value("decision"),
    least: Number(value("least")) / 100,
    seconds: form.elements.hours && stop !== undefined ? stop * 3600 : Infinity,
    recycled: value("recycled"),
    source: value("source"),
    lang: value("lang"),
    order: value("order"),
    located: form.elements.located.checked,
    spot: pickedSpot,
  };
}

function pictureFits(picture, want) {
  return (!want.decision || picture.decision === want.decision)
    && picture.probability >= want.least
    && (want.recycled !== "hide" || !picture.recycled)
    && (want.recycled !== "only" || picture.recycled);
}

function postFits(post, text, want) {
  return (!want.source || post.row.source === want.source)
    && (!want.lang || post.row.lang === want.lang)
    && (!want.located || post.at)
    && (want.spot === null || post.spot === want.spot)
    && post.seconds <= want.seconds
    && (!want.text || text.includes(want.text));
}

function select(want) {
  const found = [];
  DATA.pictures.forEach((picture, index) => {
    if (!pictureFits(picture, want)) return;
    const posts = picture.posts.filter((post, number) => postFits(post, words[index][number], want));
    if (posts.length) found.push({ index, picture, posts });
  });
  if (want.order === "new") found.sort((a, b) => b.picture.posts[0].seconds - a.picture.posts[0].seconds);
  if (want.order === "posts") found.sort((a, b) => b.posts.length - a.posts.length);
  return found;
}

function applyFilters() {
  const want = readFilters();
  selection = select(want);
  const shown = new Set(selection.map(({ index }) => index));
  for (const [index, card] of cardOf) card.hidden = !shown.has(index);
  $("#grid").append(...selection.map(({ index }) => cardOf.get(index)));
  $("#nothing").hidden = selection.length > 0;
  showCounts(want);
  dimSpots(want);
}

function showCounts(want) {
  const total = DATA.pictures.length;
  const posts = selection.reduce((sum, { posts: fitting }) => sum + fitting.length, 0);
  const pictures = selection.length === total ? plural(total, "picture") : `${selection.length} of ${plural(total, "picture")}`;
  $("#showing").textContent = `${pictures} · ${plural(posts, "post")}`;
  $("#least-shown").textContent = want.least ? `≥ ${want.least.toFixed(2)}` : "any";
  if ($("#until-shown")) {
    $("#until-shown").textContent = want.seconds === Infinity ? "any time" : `within ${hoursName(want.seconds / 3600)}`;
  }
  const active = want.text || want.decision || want.least || want.seconds !== Infinity || want.recycled
    || want.source || want.lang || want.located || want.spot !== null;
  $("#reset-filters").hidden = !active;
  $("#more").textContent = active ? "Filters (on)" : "Filters";
  const chip = $("#spot");
  chip.hidden = want.spot === null;
  if (want.spot !== null) {
    const place = $(`.spot[data-spot="${want.spot}"]`).getAttribute("aria-label").split(";")[0];
    chip.textContent = `On the map: ${place} ✕`;
    chip.setAttribute("aria-label", `Remove the filter by place: ${place}`);
  }
}

function dimSpots(want) {
  const seen = new Set(selection.flatMap(({ posts }) => posts.map((post) => post.spot)));
  for (const spot of $$(".spot")) {
    const number = Number(spot.dataset.spot);
    spot.classList.toggle("dim", !seen.has(number));
    spot.setAttribute("aria-pressed", number === want.spot);
  }
}

function pickSpot(number) {
  if (!form) return;
  pickedSpot = pickedSpot === number ? null : number;
  applyFilters();
  if (pickedSpot !== null && stacked.matches) $("#gallery").scrollIntoView({ behavior: "smooth" });
}

function resetFilters() {
  const order = form.elements.order.value;
  form.reset();
  form.elements.order.value = order;
  $("#opacity").dispatchEvent(new Event("input"));
  pickedSpot = null;
  applyFilters();
}

function startFilters() {
  let timer = 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (!event.target.name) return;
    clearTimeout(timer);
    timer = setTimeout(applyFilters, event.target.name === "text" ? 150 : 30);
  });
  $("#spot").addEventListener("click", () => pickSpot(pickedSpot));
  $("#more").addEventListener("click", (event) => {
    const open = $("#fields").classList.toggle("open");
    event.target.setAttribute("aria-expanded", open);
  });
  for (const button of $$('[data-act="reset"]')) button.addEventListener("click", resetFilters);
  applyFilters();
}
