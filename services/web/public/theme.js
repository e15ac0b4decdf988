// Runs before the first paint: without it a page in the chosen theme would flash in the other one.
try {
  var theme = localStorage.getItem("moim.theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
    document.querySelectorAll("meta[data-theme-color]").forEach(function (meta) {
      meta.media = meta.dataset.themeColor === theme ? "all" : "not all";
    });
  }
} catch (_) {
  // No storage (a private window, a strict setting): the system's theme it is.
}
