// On every page: the choice of colours, menus that close, forms that act once.

import "./loading.js";

function startThemes(choice) {
  const buttons = [...choice.querySelectorAll("[data-theme]")];
  const show = () => {
    const chosen = localStorage.getItem("orchestra-theme") ?? "auto";
    for (const button of buttons) button.ariaPressed = String(button.dataset.theme === chosen);
  };
  choice.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme]");
    if (!button) return;
    localStorage.setItem("orchestra-theme", button.dataset.theme);
    window.dispatchEvent(new Event("orchestra-theme"));
    show();
  });
  choice.hidden = false;
  show();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.querySelectorAll("[data-themes]").forEach(startThemes);
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  closeMenus();
  menu.querySelector("summary").focus();
});

const STILL_HERE_MS = 10_000; // a page whose form was sent, and that nobody wanted to leave

// A double click acts once (W-14); a page that is taken back, or not left, may act again.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.isSent) event.preventDefault();
  event.target.dataset.isSent = "yes";
  setTimeout(() => delete event.target.dataset.isSent, STILL_HERE_MS);
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.isSent;
});
