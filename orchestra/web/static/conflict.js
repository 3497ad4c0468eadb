// Two versions of the same draft, side by side, to choose from field by field (W-29).

import { make } from "./dialogs.js";
import { canonical } from "./draft.js";

const same = (one, other) => canonical(one) === canonical(other);

function asText(value) {
  if (value === undefined) return "(empty)";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function choice(key, side, title, value, isChosen) {
  const radio = make("input", {
    className: "form-check-input me-2",
    type: "radio",
    name: `conflict-${key}`,
    value: side,
    checked: isChosen,
  });
  const text = make("pre", { className: "mb-0 mt-1 text-wrap" }, asText(value));
  return make("label", { className: "col-md d-block p-2" }, radio, title, text);
}

function fieldset(key, label, mine, theirs) {
  return make(
    "fieldset",
    { className: "border-top py-2", dataset: { key } },
    make("legend", { className: "fs-6 mb-1" }, label),
    make(
      "div",
      { className: "row" },
      choice(key, "mine", "Keep mine", mine[key], true),
      choice(key, "theirs", "Take theirs", theirs[key], false),
    ),
  );
}

function merged(section, mine, theirs) {
  const data = { ...mine };
  for (const group of section.querySelectorAll("fieldset[data-key]")) {
    const { key } = group.dataset;
    const source = group.querySelector("input:checked").value === "mine" ? mine : theirs;
    if (source[key] === undefined) delete data[key];
    else data[key] = source[key];
  }
  return data;
}

// Resolves to the data the person chose. labels maps properties to their names on the page.
export function chooseBetween(section, { mine, theirs, labels, reason }) {
  const keys = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
  const different = keys.filter((key) => !same(mine[key], theirs[key]));
  const groups = different.map((key) => fieldset(key, labels[key] ?? key, mine, theirs));
  const heading = make("h2", { className: "h5", tabIndex: -1 }, "Two versions of this work");
  const buttons = {
    mine: make("button", { type: "button", className: "btn btn-outline-secondary" }, "Keep all mine"),
    theirs: make("button", { type: "button", className: "btn btn-outline-secondary" }),
    chosen: make("button", { type: "button", className: "btn btn-primary" }, "Save what I chose"),
  };
  buttons.theirs.append("Take all theirs");
  const bar = make("div", { className: "d-flex flex-wrap gap-2" }, ...Object.values(buttons));
  section.replaceChildren(heading, make("p", {}, reason), ...groups, bar);
  section.hidden = false;
  heading.focus();
  return new Promise((resolve) => {
    const close = (data) => {
      section.hidden = true;
      section.replaceChildren();
      resolve(data);
    };
    buttons.mine.addEventListener("click", () => close(mine));
    buttons.theirs.addEventListener("click", () => close(theirs));
    buttons.chosen.addEventListener("click", () => close(merged(section, mine, theirs)));
  });
}
