// Two versions of the same draft, side by side, to choose from field by field (W-29).

import { make } from "./dialogs.js";
import { canonical } from "./draft.js";

const same = (one, other) => canonical(one) === canonical(other);

// How fields and choices are called in a form: {labels: {place: text}, choices: {place: {value: text}}};
// "*" stands in a place for any item of a list.
export function namesIn(root, names = { labels: {}, choices: {} }) {
  for (const field of root.querySelectorAll("[data-field]")) {
    const place = field.dataset.pointer.replace(/\/(\d+|__\d+__)(?=\/|$)/g, "/*");
    names.labels[place] = field.dataset.label;
    if (!["choices", "text"].includes(field.dataset.kind)) continue;
    const boxes = [...field.querySelectorAll("[type=radio], [type=checkbox]")];
    const options = [...field.querySelectorAll("option")];
    const named = [
      ...boxes.map((box) => [box.value, box.labels[0]?.textContent.trim()]),
      ...options.map(({ value, text }) => [value, text]),
    ];
    if (named.length) names.choices[place] = Object.fromEntries(named);
  }
  for (const template of root.querySelectorAll("template")) namesIn(template.content, names);
  return names;
}

function shown(value, place, names) {
  if (value === undefined || value === "") return "(empty)";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (Array.isArray(value)) {
    const choices = place in names.choices ? place : `${place}/*`;
    const items = value.map((one) => make("li", {}, shown(one, choices, names)));
    return make("ul", { className: "mb-0" }, ...items);
  }
  if (value === null || typeof value !== "object") return names.choices[place]?.[value] ?? String(value);
  const parts = Object.entries(value).flatMap(([key, one]) => {
    const inner = `${place}/${key}`;
    return [make("dt", {}, names.labels[inner] ?? key), make("dd", {}, shown(one, inner, names))];
  });
  return make("dl", { className: "data-list mb-0" }, ...parts);
}

function choice(key, side, { title, content, isChosen }) {
  const text = make("div", { className: "data-text text-break mt-1", id: `conflict-${side}-${key}` }, content);
  const radio = make("input", {
    className: "form-check-input me-2",
    type: "radio",
    name: `conflict-${key}`,
    value: side,
    checked: isChosen,
  });
  radio.setAttribute("aria-describedby", text.id);
  return make("div", { className: "col-md" }, make("label", {}, radio, title), text);
}

function fieldset(key, names, mine, theirs) {
  const place = `/${key}`;
  const kept = { title: "Keep mine", content: shown(mine[key], place, names), isChosen: true };
  const taken = { title: "Take theirs", content: shown(theirs[key], place, names), isChosen: false };
  return make(
    "fieldset",
    { className: "border-top py-2", dataset: { key } },
    make("legend", { className: "fs-6 fw-semibold mb-0" }, names.labels[place] ?? key),
    make("div", { className: "row gy-2" }, choice(key, "mine", kept), choice(key, "theirs", taken)),
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

// Resolves to the data the person chose. names: as namesIn gives them.
export function chooseBetween(section, { mine, theirs, names, reason }) {
  const keys = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
  const different = keys.filter((key) => !same(mine[key], theirs[key]));
  const groups = different.map((key) => fieldset(key, names, mine, theirs));
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
