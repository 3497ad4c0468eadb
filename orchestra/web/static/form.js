// Reads a rendered form into task data, exactly as orchestra/domain/form_values.py reads a post,
// checks it with the sentences the server would say, and shows errors at their fields.
// A custom element in the place of the form is asked instead, see element.js.

import { dataOf, examineElement, showElementErrors } from "./element.js";
import { connectMarkdown } from "./markdown.js";
import { connectUploads } from "./upload.js";

const NUMBER = /^[+-]?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?$/;
const LOCAL_TIME = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:[0-9]{2}(\.[0-9]+)?)?$/;
const FORMATS = {
  date: /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/,
  "date-time":
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$/,
  uri: /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+$/,
  email: /^[^\s@<>",;:\\]+@[A-Za-z0-9\u0080-\uffff-]+(\.[A-Za-z0-9\u0080-\uffff-]+)*$/,
};
const CHECKS = {
  type: (value, type) =>
    typeof value === "number" && (type !== "integer" || Number.isInteger(value)),
  const: (value, constant) => value === constant,
  format: (value, name) => FORMATS[name]?.test(value) ?? true,
  pattern: (value, pattern) => matches(value, pattern),
  minLength: (value, length) => [...value].length >= length,
  maxLength: (value, length) => [...value].length <= length,
  minimum: (value, limit) => value >= limit,
  maximum: (value, limit) => value <= limit,
  multipleOf: (value, divisor) => Math.abs(value / divisor - Math.round(value / divisor)) < 1e-9,
  minItems: (value, count) => value.length >= count,
  maxItems: (value, count) => value.length <= count,
};

function matches(value, pattern) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch (error) {
    if (error instanceof SyntaxError) return true; // another dialect: the server will tell
    throw error;
  }
}

const escapeKey = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");
const holderOf = (element) => element.closest("[data-field], [data-form]");

function ownControls(field) {
  const controls = [...field.querySelectorAll("input, select, textarea")];
  return controls.filter((one) => holderOf(one) === field && !("presence" in one.dataset));
}

function childFields(holder) {
  const fields = [...holder.querySelectorAll("[data-field]")];
  return fields.filter((one) => holderOf(one.parentElement) === holder);
}

// The data of the form; what is wrong with it, as {pointer, message}; and the field of each pointer.
export function inspect(root) {
  if ("element" in root.dataset) return { data: dataOf(root), problems: [], places: new Map() };
  const sheet = { places: new Map(), problems: [], numbers: [] };
  const data = readProperties(root, "", sheet);
  return { data, problems: sheet.problems, places: sheet.places };
}

// As inspect, before handing over: an element may need time to say what is wrong.
export async function examine(root) {
  return "element" in root.dataset ? examineElement(root) : inspect(root);
}

function readProperties(holder, pointer, sheet) {
  const entries = childFields(holder).map((field) => [
    field.dataset.key,
    readField(field, `${pointer}/${escapeKey(field.dataset.key)}`, sheet),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function readField(field, pointer, sheet, isSourceItem = false) {
  const already = sheet.problems.length;
  sheet.places.set(pointer, field);
  let value = readValue(field, pointer, sheet);
  const isBlankGroup = field.dataset.kind === "object" && isBlank(field, value);
  if (isBlankGroup && !isSourceItem && !("required" in field.dataset)) {
    sheet.problems.length = already; // nobody began it, so nothing in it is demanded
    value = undefined;
  }
  if (!("hidden" in field.dataset)) check(field, pointer, value, sheet);
  return value;
}

function readValue(field, pointer, sheet) {
  const { kind } = field.dataset;
  if (kind === "object") return readProperties(field, pointer, sheet);
  if (kind === "rows" || kind === "list") return unlessEmpty(field, readRows(field, pointer, sheet));
  const controls = ownControls(field);
  if (kind === "choices") {
    const chosen = controls.filter((control) => control.checked).map((control) => control.value);
    return unlessEmpty(field, chosen);
  }
  return typed(field, textOf(controls));
}

function readRows(field, pointer, sheet) {
  const rows = [];
  for (const item of childFields(field)) {
    sheet.numbers.push(rows.length + 1);
    const value = readField(item, `${pointer}/${rows.length}`, sheet, "sources" in field.dataset);
    sheet.numbers.pop();
    if (value !== undefined) rows.push(value);
  }
  return rows;
}

function unlessEmpty(field, items) {
  return items.length || "required" in field.dataset ? items : undefined;
}

function textOf(controls) {
  const [first] = controls;
  if (first?.type === "checkbox") return first.checked ? "true" : "false";
  if (first?.type === "radio") return controls.find((control) => control.checked)?.value;
  return first?.value;
}

function typed(field, text) {
  const { kind, format } = field.dataset;
  if (text === undefined) return undefined;
  if (kind === "text") return typedText(field, text, format);
  if (text.trim() === "") return undefined;
  if (kind === "boolean") return typedBoolean(field, text);
  return kind === "json" ? JSON.parse(text) : typedNumber(text.trim());
}

function typedText(field, text, format) {
  if (text === "" && !("emptyChoice" in field.dataset)) return undefined;
  const local = format === "date-time" && LOCAL_TIME.exec(text);
  return local ? `${local[1]}${local[2] ?? ":00"}Z` : text;
}

function typedBoolean(field, text) {
  const mustBeTicked = checksOf(field).some(([keyword, value]) => keyword === "const" && value);
  if (text === "false" && mustBeTicked && !("required" in field.dataset)) return undefined;
  return text === "true";
}

function typedNumber(text) {
  const value = Number(text);
  return NUMBER.test(text) && Number.isFinite(value) ? value : text;
}

function isBlank(field, value) {
  if (field.dataset.kind === "object" && value !== undefined) {
    const shown = childFields(field).filter((child) => !("hidden" in child.dataset));
    return shown.every((child) => isBlank(child, value[child.dataset.key]));
  }
  if (value === false) return !("ticked" in field.dataset);
  return value === undefined || value === "" || (Array.isArray(value) && !value.length);
}

const checksOf = (field) => JSON.parse(field.dataset.checks);

function check(field, pointer, value, sheet) {
  if ("busy" in field.dataset) {
    const message = `${field.dataset.label} is still being sent. Wait a moment.`;
    sheet.problems.push({ pointer, message });
    return;
  }
  const unreadable = ownControls(field).find((control) => control.validity.badInput);
  const failed = checksOf(field).find(([keyword, limit]) => {
    if (keyword === "required") return value === undefined;
    return value !== undefined && !CHECKS[keyword](value, limit);
  });
  if (unreadable || failed) {
    const sentence = failed?.[2].replace("{item}", sheet.numbers.join(".")); // of a list in a list: 2.1
    sheet.problems.push({ pointer, message: sentence ?? unreadable.validationMessage });
  }
}

// Shows {pointer: [sentence]} at the fields and returns [{message, control}] in reading order;
// control is null for what belongs to no field of the page.
export function showErrors(root, errors, places = inspect(root).places) {
  clearErrors(root);
  if ("element" in root.dataset) return showElementErrors(root, errors, showOthers);
  const placed = [];
  const others = [];
  for (const [pointer, messages] of Object.entries(errors)) {
    const message = messages.join(" ");
    const field = places.get(pointer);
    if (field && setError(field, message)) placed.push({ message, control: firstControl(field) });
    else others.push({ message, control: null });
  }
  showOthers(root, others);
  placed.sort((a, b) => (precedes(a.control, b.control) ? -1 : 1));
  return [...placed, ...others];
}

function precedes(one, other) {
  return Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
}

function firstControl(field) {
  const usable = "input:not([type=hidden]), select, textarea, button";
  const control = [...field.querySelectorAll(usable)].find((one) => !one.hidden);
  if (!control) field.tabIndex = -1;
  return control ?? field;
}

function setError(field, message) {
  const note = [...field.querySelectorAll("[data-error]")].find((one) => holderOf(one) === field);
  if (!note) return false;
  note.textContent = message;
  note.hidden = !message;
  for (const control of ownControls(field)) {
    control.classList.toggle("is-invalid", Boolean(message));
    control.setCustomValidity(message);
    const owner = control.type === "radio" ? field : control;
    if (message) owner.setAttribute("aria-invalid", "true");
    else owner.removeAttribute("aria-invalid");
  }
  return true;
}

function showOthers(root, others) {
  const list = root.querySelector("[data-other-errors]");
  list.replaceChildren(
    ...others.map(({ message }) => {
      const item = document.createElement("li");
      item.textContent = message;
      return item;
    }),
  );
  list.hidden = !others.length;
}

export function clearErrors(root) {
  for (const field of root.querySelectorAll("[data-field]")) setError(field, "");
  showOthers(root, []);
}

function replaceMark(fragment, mark, index) {
  for (const element of fragment.querySelectorAll("*")) {
    for (const attribute of element.attributes) {
      attribute.value = attribute.value.replaceAll(mark, index);
    }
    if (element instanceof HTMLTemplateElement) replaceMark(element.content, mark, index);
  }
}

function reveal(fragment) {
  for (const element of fragment.querySelectorAll("[data-needs-script]")) element.hidden = false;
}

function addRow(list) {
  const template = list.querySelector(":scope > template");
  const row = template.content.cloneNode(true);
  list.dataset.next ??= childFields(list).length;
  replaceMark(row, list.dataset.mark, list.dataset.next);
  list.dataset.next = Number(list.dataset.next) + 1;
  reveal(row);
  template.before(row);
  renumber(list);
  firstControl(childFields(list).at(-1)).focus();
}

function removeRow(row) {
  const list = row.parentElement;
  row.remove();
  renumber(list);
  list.querySelector(":scope > [data-add-row]").focus();
}

function renumber(list) {
  [...list.querySelectorAll(":scope > [data-row]")].forEach((row, index) => {
    for (const place of row.querySelectorAll("[data-number]")) {
      if (place.closest("[data-row]") === row) place.textContent = index + 1;
    }
  });
}

// Makes the rendered form live: rows come and go, and every change is told as "orchestra-change".
export function connect(root) {
  if ("element" in root.dataset) return; // it tells its changes itself
  const tell = (target) => {
    const { data, problems, places } = inspect(root);
    const field = target.closest("[data-field]");
    const wrong = problems.some(({ pointer }) => places.get(pointer) === field);
    if (field && !wrong) setError(field, "");
    root.dispatchEvent(new CustomEvent("orchestra-change", { bubbles: true, detail: { data } }));
  };
  reveal(root);
  connectUploads(root, { say: setError, tell });
  connectMarkdown(root, setError);
  root.addEventListener("input", (event) => tell(event.target));
  root.addEventListener("change", (event) => tell(event.target));
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-row], [data-remove-row]");
    if (!button) return;
    const list = button.parentElement.closest("fieldset[data-field]");
    if ("addRow" in button.dataset) addRow(list);
    else removeRow(button.closest("[data-row]"));
    tell(list);
  });
}
