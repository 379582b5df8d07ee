// What every other part uses: the data, finding elements, and short words.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const typing = () => /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName) &&
  !/^(range|checkbox)$/.test(document.activeElement.type);

let toastTimer = 0;
function say(text) {
  const toast = $("#toast");
  toast.textContent = text;
  toast.classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("on"), 2200);
}

function hoursName(hours) {
  if (hours < 1) return `${Math.round(hours * 60)} min`;
  return hours > 72 ? `${hours / 24} d` : `${hours} h`;
}
