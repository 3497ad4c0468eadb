// What htmx fetches later: said when it takes long, and when it failed; what was there stays (W-7).

import { make } from "./dialogs.js";

const LATE_MS = 300;
const timers = new WeakMap(); // element → of the request under way
const notes = new WeakMap(); // element → what is said about it
const strange = new WeakSet(); // elements whose answer was another page, such as the login

// A part of the page says it in its place; a whole page that refreshes itself, in the corner.
function say(element, text, ...more) {
  unsay(element);
  const isPart = "loads" in element.dataset;
  const className = isPart ? "loading" : "loading loading-page";
  const note = make("p", { className }, text, ...more);
  note.setAttribute("role", "status");
  notes.set(element, note);
  (isPart ? element : document.body).append(note);
}

function unsay(element) {
  notes.get(element)?.remove();
  notes.delete(element);
}

const nameOf = (element) => element.dataset.loads ?? "this page";

function began(element) {
  if (notes.has(element)) return; // it failed before: that is said until it works
  clearTimeout(timers.get(element));
  timers.set(element, setTimeout(() => say(element, `Loading ${nameOf(element)} …`), LATE_MS));
}

function ended(element, status) {
  clearTimeout(timers.get(element));
  const isGood = status === 304 || (status >= 200 && status < 400);
  if (isGood && !strange.delete(element)) unsay(element);
  else failed(element);
}

function failed(element) {
  const retry = make("button", { className: "btn btn-sm btn-outline-secondary" }, "Retry");
  retry.type = "button";
  retry.addEventListener("click", () => {
    unsay(element);
    window.htmx.trigger(element, "loads" in element.dataset ? "retry" : "refresh");
  });
  const name = nameOf(element);
  say(element, `${name[0].toUpperCase()}${name.slice(1)} could not be loaded. `, retry);
}

document.addEventListener("htmx:beforeRequest", ({ detail }) => began(detail.elt));
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { elt, serverResponse } = detail;
  if (!("loads" in elt.dataset) || serverResponse.includes(`id="${elt.id}"`)) return;
  detail.shouldSwap = false;
  strange.add(elt);
});
document.addEventListener("htmx:afterRequest", ({ detail }) => ended(detail.elt, detail.xhr.status));
document.addEventListener("htmx:sendAbort", ({ detail }) => {
  clearTimeout(timers.get(detail.elt));
  unsay(detail.elt);
});
