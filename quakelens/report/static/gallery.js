// Cards: heat maps, sensitive pictures, the further posts, ids.
const root = document.documentElement;
const cardList = $$(".card");
const cardOf = new Map(cardList.map((card) => [Number(card.dataset.index), card]));
const pictureOf = (card) => DATA.pictures[Number(card.dataset.index)];

function heatShown(card) {
  return card.dataset.heat ? card.dataset.heat === "on" : root.classList.contains("heat");
}

function showHeat(card, on) {
  card.dataset.heat = on ? "on" : "off";
  $('[data-act="heat"]', card)?.setAttribute("aria-pressed", on);
}

function showAllHeat(on) {
  root.classList.toggle("heat", on);
  $("#heat").setAttribute("aria-pressed", on);
  for (const card of cardList) {
    delete card.dataset.heat;
    $('[data-act="heat"]', card)?.setAttribute("aria-pressed", on);
  }
}

// The pattern is the first post of the card, which the page was written with.
function fillPost(node, shown) {
  const set = (selector, text, visible = Boolean(text)) => {
    const part = $(selector, node);
    part.textContent = text;
    part.hidden = !visible;
  };
  set(".author", shown.author ? `@${shown.author}` : "author withheld");
  set(".source", shown.source);
  set(".since", shown.since);
  $(".since", node).title = shown.when;
  $(".repost", node).hidden = !shown.repost;
  set(".lang", shown.lang);
  set(".place-name", shown.place);
  $(".by .located", node).textContent = shown.located;
  $(".place", node).hidden = !(shown.place || shown.located);
  set(".text", shown.text);
  $(".text", node).classList.toggle("clamp", shown.long);
  const more = $('[data-act="text"]', node);
  more.hidden = !shown.long;
  more.textContent = "Whole text";
  const link = $(".link", node);
  link.hidden = !shown.link;
  if (shown.link) link.href = shown.link;
  else link.removeAttribute("href");
  return node;
}

function openFurther(details) {
  const list = $(".posts", details);
  if (!details.open || list.childElementCount) return;
  const card = details.closest(".card");
  const pattern = $(".post", card);
  list.append(...pictureOf(card).posts.slice(1).map((post) => fillPost(pattern.cloneNode(true), post.shown)));
}

async function copyIds(card) {
  const ids = [...new Set(pictureOf(card).posts.map((post) => post.row.post_id))];
  const text = ids.join("\n");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // From disk some browsers refuse the clipboard to scripts but grant it to a selection.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) return say("This browser refused the clipboard");
  }
  say(`Copied ${plural(ids.length, "post id")}`);
}

function toggleText(button) {
  const text = $(".text", button.closest(".post"));
  button.textContent = text.classList.toggle("clamp") ? "Whole text" : "Less text";
}

function light(card, on) {
  const spots = new Set(pictureOf(card).posts.map((post) => post.spot));
  for (const spot of $$(".spot")) {
    spot.classList.toggle("lit", on && spots.has(Number(spot.dataset.spot)));
  }
}

function startGallery() {
  const grid = $("#grid");
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const card = button.closest(".card");
    const act = button.dataset.act;
    if (act === "heat") showHeat(card, !heatShown(card));
    else if (act === "unveil") { card.removeAttribute("data-veil"); button.remove(); }
    else if (act === "ids") copyIds(card);
    else if (act === "text") toggleText(button);
    else if (button.classList.contains("open")) openViewer(card);
  });
  grid.addEventListener("toggle", (event) => {
    if (event.target.matches(".further")) openFurther(event.target);
  }, true);
  for (const card of cardList) {
    card.addEventListener("pointerenter", () => light(card, true));
    card.addEventListener("pointerleave", () => light(card, false));
    card.addEventListener("focusin", () => light(card, true));
    card.addEventListener("focusout", () => light(card, false));
  }
  $("#heat").addEventListener("click", () => showAllHeat(!root.classList.contains("heat")));
  $("#opacity").addEventListener("input", (event) => root.style.setProperty("--heat", event.target.value));
  addEventListener("keydown", (event) => {
    if (event.key !== "h" || event.ctrlKey || event.metaKey || event.altKey || typing() || $("#viewer").open) return;
    showAllHeat(!root.classList.contains("heat"));
  });
}
