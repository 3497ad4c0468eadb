// Fields of the dialogs of project management, and what is wrong with what they hold.

import { Refusal } from "./api.js";
import { make } from "./dialogs.js";

export const paragraph = (...content) => make("p", {}, ...content);

// A sentence in which some words stand out: sentence`Skip ${name}?`
export function sentence(parts, ...words) {
  const content = parts.flatMap((part, at) =>
    at < words.length ? [part, make("strong", {}, String(words[at]))] : [part],
  );
  return paragraph(...content);
}

function field(label, control, help) {
  control.id = `action-${control.name}`;
  const wrapper = make("div", { className: "mb-3", dataset: { control: "" } });
  wrapper.append(make("label", { className: "form-label", htmlFor: control.id }, label), control);
  if (help) {
    const hint = make("div", { className: "form-text", id: `${control.id}-help` }, help);
    control.dataset.help = hint.id;
    control.setAttribute("aria-describedby", hint.id);
    wrapper.append(hint);
  }
  return wrapper;
}

export function line(name, label, { value = "", help, type = "text", ...more } = {}) {
  const control = make("input", { className: "form-control", name, type, value, ...more });
  control.autocomplete = "off";
  return field(label, control, help);
}

export function lines(name, label, { value = "", help, rows = 3, ...more } = {}) {
  return field(label, make("textarea", { className: "form-control", name, value, rows, ...more }), help);
}

export function json(name, label, value, help) {
  const text = JSON.stringify(value, null, 2);
  const rows = Math.min(14, Math.max(5, text.split("\n").length));
  const area = lines(name, label, { value: text, help, rows, spellcheck: false });
  area.querySelector("textarea").classList.add("font-monospace");
  return area;
}

// One of several; options are {value, text, note?}, and the first one is chosen unless told not to.
export function choice(name, legend, options, isPreset = true) {
  const rows = options.map(({ value, text, note }, at) => {
    const radio = make("input", { className: "form-check-input", type: "radio", name, value });
    radio.defaultChecked = isPreset && at === 0;
    const label = make("label", { className: "form-check" }, radio, make("span", {}, text));
    if (note) label.append(make("span", { className: "count d-block" }, note));
    return label;
  });
  const group = make("fieldset", { className: "mb-3", dataset: { control: "" } });
  group.append(make("legend", { className: "form-label" }, legend), ...rows);
  return group;
}

export function wrong(name, message) {
  return new Refusal(422, { error: "invalid", message, fields: { [name]: [message] } });
}

// The page would round such a number without saying so.
function findRounded(value) {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return value !== null && typeof value === "object" && Object.values(value).some(findRounded);
}

export function parseObject(name, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(name, `This is not JSON: ${error.message}.`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw wrong(name, "Give a JSON object: { … }.");
  }
  if (findRounded(value)) {
    throw wrong(name, "A number is too long to be kept exactly here. Put it in quotes.");
  }
  return value;
}

export function wholeNumber(name, text) {
  if (!/^-?\d{1,15}$/.test(text.trim())) throw wrong(name, "Give a whole number.");
  return Number(text);
}

// What cannot be undone is typed, so that it is not pressed by mistake.
export function confirmation(expected) {
  return line("confirmation", `Type “${expected}” to confirm`);
}

export function requireConfirmation(typed, expected) {
  if (typed.trim() !== expected) throw wrong("confirmation", `Type exactly: ${expected}`);
}
