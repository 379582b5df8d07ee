// The side with the map fills what the window leaves below the header.
function fitSide() {
  const notice = $(".notice")?.offsetHeight ?? 0;
  const top = Math.max(notice, $("main").getBoundingClientRect().top);
  root.style.setProperty("--notice", `${notice}px`);
  root.style.setProperty("--side", `${innerHeight - top}px`);
}

fitSide();
addEventListener("scroll", fitSide, { passive: true });
addEventListener("resize", fitSide);
startMap();
if (form) {
  startGallery();
  startFilters();
  startExport();
  startViewer();
}
