// Keyboard shortcuts of every page, and the sheet that lists them (W-6).

import { make } from "./dialogs.js";

const NEXT_KEY_MS = 1500; // between g and the letter after it
const PLACES = {
  d: ["/orchestra/app", "Dashboard"],
  t: ["/orchestra/app/timecard", "Timecard"],
  i: ["/orchestra/app/inbox", "Inbox"],
  p: ["/orchestra/app/projects", "Projects"],
};
const ACTIONS = {
  "?": openSheet,
  "/": () => searchField()?.focus(),
  j: () => walk(1),
  k: () => walk(-1),
  t: () => timer()?.click(),
};

let isGoing = false; // g was pressed just now
let goingEnds;

const usesSingleKeys = "singleKeys" in document.documentElement.dataset;
const isSeen = (element) => element.checkVisibility();
const linkTo = (address) =>
  document.querySelector(`.frame a[href="${address}"], .frame a[href="${address}/"]`);
const searchField = () => [...document.querySelectorAll("input[type=search]")].find(isSeen);
const timer = () => document.querySelector("[data-timer-toggle]");
const rows = () => [...document.querySelectorAll("a[data-open]")].filter(isSeen);
const hasTask = () => Boolean(document.querySelector("button[data-command]"));

function walk(step) {
  const links = rows();
  const at = links.indexOf(document.activeElement) + step;
  links[Math.max(0, Math.min(at, links.length - 1))]?.focus();
}

function go(key) {
  const [address] = PLACES[key] ?? [];
  if (address && linkTo(address)) location.assign(linkTo(address).href);
}

function expectPlace() {
  isGoing = true;
  clearTimeout(goingEnds);
  goingEnds = setTimeout(() => (isGoing = false), NEXT_KEY_MS);
}

// A letter typed into a field is a letter, also inside a custom element.
function isTyping(event) {
  const [target] = event.composedPath();
  return target.closest?.("input, textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  const isModified = event.ctrlKey || event.metaKey || event.altKey;
  if (!usesSingleKeys || isModified || event.defaultPrevented || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  const wasGoing = isGoing;
  isGoing = false;
  if (wasGoing && event.key in PLACES) go(event.key);
  else if (event.key === "g") expectPlace();
  else if (event.key in ACTIONS) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
});

// What can be done on this page, as [keys, what they do]

function singleKeys() {
  const places = Object.entries(PLACES).filter(([, [address]]) => linkTo(address));
  return [
    ...places.map(([key, [, name]]) => [`g ${key}`, name]),
    ...(rows().length ? [["j", "Next row"], ["k", "Row before"], ["Enter", "Open it"]] : []),
    ...(searchField() ? [["/", "Search"]] : []),
    ...(timer() ? [["t", "Start or stop the timer"]] : []),
    ["?", "This list"],
  ];
}

function otherKeys() {
  return hasTask() ? [["Ctrl+S", "Save"], ["Ctrl+Enter", "Submit or accept; once more confirms it"]] : [];
}

function line([keys, text]) {
  const signs = keys.split(/(?<=.)[ +]/).map((key) => make("kbd", {}, key));
  return [make("dt", {}, ...signs), make("dd", {}, text)];
}

function openSheet() {
  const known = [...otherKeys(), ...(usesSingleKeys ? singleKeys() : [])];
  const heading = make("h2", { id: "shortcuts-title" }, "Keyboard shortcuts");
  const list = make("dl", { className: "shortcuts" }, ...known.flatMap(line));
  const off = "Shortcuts of a single key are switched off in your settings.";
  const close = make("button", { className: "btn btn-primary", autofocus: true }, "Close");
  const bar = make("div", { className: "d-flex justify-content-end" }, close);
  const note = usesSingleKeys ? [] : [make("p", { className: "context-line" }, off)];
  const dialog = make("dialog", {}, make("form", { method: "dialog" }, heading, list, ...note, bar));
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

for (const button of document.querySelectorAll("[data-shortcuts]")) {
  button.hidden = false;
  button.addEventListener("click", openSheet);
}
