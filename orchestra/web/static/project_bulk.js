// The list of projects: act on several at once; one that cannot be done does not stop the others.

import { Refusal } from "./api.js";
import { make } from "./dialogs.js";
import { notify } from "./notices.js";
import { call } from "./project_calls.js";
import { confirmation, lines, paragraph, requireConfirmation } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

const bar = document.querySelector("[data-bulk]");
const state = bar?.querySelector("[data-chosen]");
const chosen = new Set(); // ids of projects

const counted = (count) => `${count} project${count === 1 ? "" : "s"}`;
const was = (count, rest) => `${count} ${count === 1 ? "was" : "were"} ${rest}`;
const setStatus = (project_id, status, more = {}) =>
  call("set_project_status", { project_id, status, ...more });

const ACTIONS = {
  pause: { done: "paused", refused: "not Active", ask: askToPause },
  resume: { done: "resumed", refused: "not Paused", ask: askToResume },
  abort: { done: "aborted", refused: "closed already", ask: askToAbort },
};

const table = () => document.querySelector("[data-projects]");
const rows = () => [...(table()?.querySelectorAll("[data-project-id]") ?? [])];

// Asking

function askToPause(ids) {
  return new Sheet({
    title: `Pause ${counted(ids.length)}`,
    action: `Pause ${counted(ids.length)}`,
    content: [
      paragraph("Drafts can still be saved. Nothing is handed over, taken or started until you resume."),
      lines("reason", "Reason (optional)", { rows: 2, maxLength: 1000, help: "Everybody on the projects sees it." }),
    ],
    act: (sheet) => {
      const reason = sheet.value("reason").trim();
      const pauseOne = (id) => setStatus(id, "paused", reason ? { reason } : {});
      return each(ids, pauseOne, (text) => sheet.tell(text));
    },
  }).open();
}

function askToResume(ids) {
  const tell = (text) => {
    state.textContent = text;
  };
  return each(ids, (id) => setStatus(id, "active"), tell);
}

function askToAbort(ids) {
  const expected = `abort ${counted(ids.length)}`;
  return new Sheet({
    title: `Abort ${counted(ids.length)}`,
    action: `Abort ${counted(ids.length)}`,
    tone: "outline-danger",
    content: [
      paragraph("Every open task in them ends, and nobody can work on them again. This cannot be undone."),
      make("ul", {}, ...ids.map((id) => make("li", {}, nameOf(id)))),
      confirmation(expected),
    ],
    act: (sheet) => {
      requireConfirmation(sheet.value("confirmation"), expected);
      const abortOne = (id) => call("end_project", { project_id: id });
      return each(ids, abortOne, (text) => sheet.tell(text));
    },
  }).open();
}

// Acting: one call a project, and what each of them answered

async function each(ids, act, tell) {
  const results = [];
  for (const id of ids) {
    tell(`${results.length + 1} of ${ids.length} …`);
    const name = nameOf(id);
    const refusal = await act(id).then(() => null, (error) => error);
    if (refusal && !(refusal instanceof Refusal)) throw refusal;
    results.push({ id, name, refusal });
  }
  return results;
}

function report(results, { done, refused }) {
  const failed = results.filter(({ refusal }) => refusal);
  const inOtherStatus = failed.filter(({ refusal }) => refusal.kind === "wrong_status").length;
  const parts = [`${results.length - failed.length} ${done}`];
  if (inOtherStatus) parts.push(was(inOtherStatus, refused));
  const others = failed.length - inOtherStatus;
  if (others) parts.push(`${others} could not be changed`);
  const notice = notify("", failed.length ? "warning" : "good");
  const items = results.map(({ name, refusal }) =>
    make("li", {}, `${name}: ${refusal ? refusal.message : done}`),
  );
  const details = make("details", { open: failed.length > 0 });
  details.append(make("summary", {}, `${parts.join(", ")}.`), make("ul", { className: "mb-0" }, ...items));
  notice.append(details);
}

async function run(button) {
  const action = button.dataset.bulkAct;
  const ids = [...chosen];
  setBusy(true);
  try {
    const results = await ACTIONS[action].ask(ids);
    if (!results) return;
    for (const { id, refusal } of results) if (!refusal) chosen.delete(id);
    report(results, ACTIONS[action]);
    await refresh();
  } finally {
    setBusy(false);
    show();
    if (document.activeElement === document.body) button.focus(); // some are chosen still
  }
}

function setBusy(isBusy) {
  for (const button of bar.querySelectorAll("button")) button.disabled = isBusy;
}

// The list: check boxes, and fresh rows after an action

function nameOf(id) {
  const row = rows().find(({ dataset }) => Number(dataset.projectId) === id);
  return `${id} ${row?.dataset.projectName ?? ""}`.trim();
}

function box(label, isChecked) {
  const input = make("input", { className: "form-check-input", type: "checkbox", checked: isChecked });
  input.ariaLabel = label;
  return input;
}

function decorate() {
  const headings = table()?.tHead.rows[0];
  if (!headings) return;
  const all = box("Choose all open projects of this page", false);
  all.dataset.all = "";
  headings.prepend(make("th", { className: "choose", scope: "col" }, all));
  for (const row of rows()) {
    const cell = make("td", { className: "choose" });
    const id = Number(row.dataset.projectId);
    if ("isClosed" in row.dataset) chosen.delete(id);
    else cell.append(box(`Choose project ${nameOf(id)}`, chosen.has(id)));
    row.prepend(cell);
  }
}

async function refresh() {
  const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-projects], .empty, .bucket-empty");
  if (fresh) table().replaceWith(document.adoptNode(fresh));
  document.querySelector(".context-line").textContent =
    page.querySelector(".context-line")?.textContent ?? "";
  const left = rows().map(({ dataset }) => Number(dataset.projectId));
  for (const id of chosen) if (!left.includes(id)) chosen.delete(id);
  decorate();
}

function show() {
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = chosen.size === 0;
  state.textContent = `${counted(chosen.size)} chosen`;
  const open = rows().filter(({ dataset }) => !("isClosed" in dataset));
  const all = document.querySelector("[data-all]");
  if (all) {
    all.checked = open.length > 0 && chosen.size === open.length;
    all.indeterminate = chosen.size > 0 && chosen.size < open.length;
    all.disabled = open.length === 0;
  }
  if (bar.hidden && (hadFocus || document.activeElement === document.body)) all?.focus();
}

function choose(input, isChosen) {
  input.checked = isChosen;
  const id = Number(input.closest("[data-project-id]").dataset.projectId);
  if (isChosen) chosen.add(id);
  else chosen.delete(id);
}

function chooseAll(isChosen) {
  for (const input of document.querySelectorAll("[data-project-id] .choose input")) {
    choose(input, isChosen);
  }
  show();
}

function change(input) {
  if ("all" in input.dataset) chooseAll(input.checked);
  else choose(input, input.checked);
  show();
}

if (bar && table()) {
  decorate();
  document.addEventListener("change", (event) => {
    if (event.target.closest(".choose")) change(event.target);
  });
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bulk-act]");
    const action = button?.dataset.bulkAct;
    if (action === "clear") chooseAll(false);
    else if (action === "all") chooseAll(true);
    else if (action) run(button);
  });
}
