// The large view: moves through the pictures that match the filters.
const viewer = $("#viewer");
let viewed = null;
let viewedHeat = true;

function viewable() {
  return selection.map(({ index }) => cardOf.get(index)).filter((card) => $(".open", card));
}

function openViewer(card) {
  viewedHeat = heatShown(card);
  showLarge(card);
  if (!viewer.open) viewer.showModal();
}

function showLarge(card) {
  viewed = card;
  const open = $(".open", card);
  const large = document.createElement("div");
  large.className = "large";
  large.style.cssText = open.style.cssText;
  large.append(...$$("img", open).map((image) => image.cloneNode()));
  if (card.hasAttribute("data-veil")) large.style.filter = "blur(40px)";
  $("#stage").replaceChildren(large);
  const caption = $("#caption");
  caption.className = `verdict ${pictureOf(card).decision}`;
  caption.replaceChildren(...$$(".chip, .bar, .number", $(".verdict", card)).map((node) => node.cloneNode(true)));
  const about = [$(".recycled-bar", card), $(".times", card), $(".post", card)].filter(Boolean);
  $("#about-picture").replaceChildren(...about.map((node) => node.cloneNode(true)));
  const list = viewable();
  $("#place-in-row").textContent = `${list.indexOf(card) + 1} of ${list.length}`;
  $('[data-view="back"]').disabled = list[0] === card;
  $('[data-view="on"]').disabled = list.at(-1) === card;
  $('[data-view="heat"]').hidden = !$("img.heat", card);
  showViewedHeat();
}

function showViewedHeat() {
  viewer.classList.toggle("heat-on", viewedHeat);
  $('[data-view="heat"]').setAttribute("aria-pressed", viewedHeat);
}

function step(by) {
  const list = viewable();
  const next = list[list.indexOf(viewed) + by];
  if (next) showLarge(next);
}

function viewAct(what) {
  if (what === "back") step(-1);
  else if (what === "on") step(1);
  else if (what === "close") viewer.close();
  else if (what === "heat") { viewedHeat = !viewedHeat; showViewedHeat(); }
}

function startViewer() {
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.act === "text") toggleText(button);
    else if (button) viewAct(button.dataset.view);
    else if (event.target === viewer || event.target.id === "stage") viewer.close();
  });
  viewer.addEventListener("keydown", (event) => {
    const what = { ArrowLeft: "back", ArrowRight: "on", h: "heat" }[event.key];
    if (!what || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    viewAct(what);
  });
  viewer.addEventListener("close", () => {
    $("#stage").replaceChildren();
    viewed?.scrollIntoView({ block: "nearest" });
    $(".open", viewed)?.focus({ preventScroll: true });
  });
}
