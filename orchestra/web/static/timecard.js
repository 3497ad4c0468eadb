// The timecard: a task can be found by its words, and what the timer recorded appears.

import { taskChoice } from "./task_choice.js";

const form = document.querySelector("[data-entry-form]");

if (form) {
  const find = form.querySelector("[data-find]");
  find.hidden = false;
  taskChoice(form.elements.assignment, find);
  const first = form.querySelector("[aria-invalid]") ?? form.elements.description;
  document.addEventListener("DOMContentLoaded", () => first.focus());
}

// Who completes it now goes there anyway; who writes another entry is not disturbed.
window.addEventListener("orchestra-recorded", ({ detail: entry }) => {
  if (!form && !entry.is_incomplete && !entry.was_cut_off) location.reload();
});
