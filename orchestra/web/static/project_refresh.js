// The page of a project: fresh data while somebody looks (W-61), and short ways by mouse.

import { keepFresh } from "./fresh.js";

// Somebody types or reads a dialog: what they see must not change under their hands.
function isBusy() {
  const field = document.activeElement?.closest("#project :is(input, textarea)");
  return Boolean(field || document.querySelector("dialog[open], :popover-open"));
}

const isOfThePerson = (name, element) =>
  ["value", "checked", "selected"].includes(name) && element.closest("form");

keepFresh({ id: "project", everyMs: 15000, isBusy, isOfThePerson });

// The picture of the steps leads to the rows, a bar of the timeline to what was handed over. Both
// are short ways for the mouse: the tables have the same as links.
document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-goes-to]");
  if (box) {
    const row = document.getElementById(box.dataset.goesTo);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }
  const bar = event.target.closest("[data-opens]");
  if (bar) location.assign(bar.dataset.opens);
});
