// A choice of tasks with a field to find one: it offers what fits, and keeps what is chosen.

import { make } from "./dialogs.js";

const NONE = { value: "", text: "No task" };

export function taskChoice(select, field) {
  let all = [...select.options].map(({ value, text }) => ({ value, text }));

  const fits = (text, words) => words.every((word) => text.toLowerCase().includes(word));

  function show(chosen) {
    const words = field.value.toLowerCase().split(/\s+/);
    const shown = all.filter(({ value, text }) => value === chosen || fits(text, words));
    select.replaceChildren(...shown.map((choice) => make("option", choice)));
    select.value = chosen;
  }

  field.addEventListener("input", () => show(select.value));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault(); // Enter would send the form
    select.focus();
  });
  return {
    offer(choices, chosen) {
      const offered = choices.map(({ assignment, label }) => ({ value: String(assignment), text: label }));
      all = [NONE, ...offered];
      show(chosen);
    },
  };
}
