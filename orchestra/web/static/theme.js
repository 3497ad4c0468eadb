// Before the first paint: the colours that this browser's person chose, else the system's.

const system = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const chosen = localStorage.getItem("orchestra-theme");
  const isDark = chosen === "dark" || (chosen !== "light" && system.matches);
  document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
}

applyTheme();
system.addEventListener("change", applyTheme);
addEventListener("storage", applyTheme);
addEventListener("orchestra-theme", applyTheme);
