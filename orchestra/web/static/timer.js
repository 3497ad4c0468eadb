// The timer in the header of every page: what the server says, counted on between two answers.

import { look, send } from "./api.js";
import { make } from "./dialogs.js";
import { notify } from "./notices.js";
import { taskChoice } from "./task_choice.js";

const FRESH_EVERY_MS = 60000;
const SAVE_AFTER_MS = 1000;
const ADDRESS = "/orchestra/api/interface/timer/";

const timer = document.querySelector("[data-timer]");
const part = (name) => timer.querySelector(`[data-timer-${name}]`);
const form = part("form");
const { description } = form.elements;
const select = document.getElementById("timer-assignment");
const choice = taskChoice(select, document.getElementById("timer-find"));
const others = new BroadcastChannel("orchestra-timer"); // tabs of the same browser

let isRunning = timer.classList.contains("is-running");
let began = Date.now() - Number(timer.dataset.elapsed) * 1000; // by the clock of this computer
let assignment = timer.dataset.assignment;
let etag = null;
let saving = null; // of the description that was typed last
let saveLater;

// Showing

const isNotSignedIn = () => false; // the server's words for it are shown
const two = (number) => String(number).padStart(2, "0");

function tick() {
  const seconds = isRunning ? Math.max(0, Math.floor((Date.now() - began) / 1000)) : 0;
  const minutes = Math.ceil(seconds / 60);
  part("minutes").textContent = `${Math.floor(minutes / 60)}:${two(minutes % 60)}`;
  part("count").textContent =
    `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function show(state) {
  isRunning = state.running;
  began = Date.now() - state.elapsed_seconds * 1000;
  assignment = isRunning ? String(state.assignment ?? "") : (timer.dataset.ofPage ?? "");
  if (document.activeElement !== description && !saving) {
    description.value = description.dataset.saved = state.description;
  }
  if (select.options.length) select.value = assignment;
  draw();
}

function draw() {
  timer.classList.toggle("is-running", isRunning);
  part("state").textContent = isRunning ? ", running:" : ", stopped";
  part("minutes").hidden = part("description").hidden = !isRunning;
  const toggle = part("toggle");
  toggle.textContent = isRunning ? "Stop the timer" : "Start the timer";
  toggle.classList.toggle("btn-outline-danger", isRunning);
  toggle.classList.toggle("btn-outline-secondary", !isRunning);
  tick();
}

function showInvalid(number) {
  const link = part("invalid");
  link.hidden = !number;
  link.textContent = `${number} invalid ${number === 1 ? "entry" : "entries"}`;
}

// Asking: an answer that is not news is empty.

async function refresh() {
  if (document.hidden) return;
  const headers = etag ? { "If-None-Match": etag } : {};
  const response = await fetch(ADDRESS, { headers, cache: "no-store" }).catch(() => null);
  if (!response || response.status !== 200) return;
  etag = response.headers.get("ETag");
  const state = await response.json();
  show(state);
  showInvalid(state.invalid_entries);
}

async function offerTasks() {
  const { choices } = await look("timer/choices/", assignment ? { assignment } : {}, isNotSignedIn);
  choice.offer(choices, choices.some((one) => String(one.assignment) === assignment) ? assignment : "");
  part("task").hidden = false;
  select.disabled = false;
}

// Changing

async function attempt(work) {
  part("problem").textContent = "";
  try {
    return await work();
  } catch (refusal) {
    part("problem").textContent = refusal.message;
    if (refusal.kind?.startsWith("timer_")) await refresh(); // another tab was first
    return null;
  }
}

const change = (what, data = {}) => attempt(() => send(`timer/${what}/`, data, isNotSignedIn));

function tellOthers() {
  etag = null;
  others.postMessage("changed");
}

async function start() {
  const chosen = select.options.length ? select.value : assignment;
  const state = await change("start", { assignment: Number(chosen) || null });
  if (!state) return;
  show(state);
  tellOthers();
  if (timer.open) description.focus();
}

async function stop() {
  await save();
  const entry = await change("stop");
  if (!entry) return;
  description.value = description.dataset.saved = "";
  part("saved").textContent = "";
  show({ running: false, elapsed_seconds: 0, description: "" });
  tellOthers();
  refresh();
  window.dispatchEvent(new CustomEvent("orchestra-recorded", { detail: entry }));
  if (entry.is_incomplete || entry.was_cut_off) askToComplete(entry);
  else notify(`You recorded ${inWords(entry)}.`, "good");
}

const inWords = ({ rounded_minutes: minutes }) => `${Math.floor(minutes / 60)}:${two(minutes % 60)} h`;

// W-50: whoever does not want to be bothered now finds the entry on the timecard later.
function askToComplete(entry) {
  const missing = [entry.description ? [] : "description", entry.task ? [] : "task"].flat();
  const text = entry.was_cut_off
    ? "The timer ran for more than 24 hours. Put in the time that you worked."
    : `The entry has no ${missing.join(" and no ")} yet.`;
  const title = make("h2", { className: "h5", id: "timer-title" }, `You recorded ${inWords(entry)}`);
  const later = make("button", { className: "btn btn-outline-secondary", value: "" }, "Later");
  const now = make("button", { className: "btn btn-primary", value: "now" }, "Complete it now");
  const bar = make("div", { className: "d-flex gap-2 justify-content-end mt-3" }, later, now);
  const body = make("form", { method: "dialog" }, title, make("p", { className: "mb-0" }, text), bar);
  const dialog = make("dialog", {}, body);
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "now") {
      location.assign(`/orchestra/app/timecard?edit=${entry.id}#entry-${entry.id}`);
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  now.focus();
}

// One save after the other; whoever stops the timer waits for the last one.
async function save() {
  clearTimeout(saveLater);
  await saving;
  if (!isRunning || description.value === description.dataset.saved) return;
  saving = keep(description.value);
  await saving;
  saving = null;
}

async function keep(typed) {
  if (!(await change("update", { description: typed }))) return;
  description.dataset.saved = typed;
  part("saved").textContent = "Saved";
  tellOthers();
}

part("plain")?.remove(); // the choice of tasks takes its place
description.dataset.saved = description.value;
description.addEventListener("input", () => {
  part("saved").textContent = "";
  clearTimeout(saveLater);
  saveLater = setTimeout(save, SAVE_AFTER_MS);
});
description.addEventListener("change", save);
select.addEventListener("change", async () => {
  assignment = select.value;
  if (!isRunning) return;
  const state = await change("update", { assignment: Number(assignment) || null });
  if (!state) return;
  part("saved").textContent = "Saved";
  tellOthers();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const toggle = part("toggle");
  if (toggle.disabled) return;
  toggle.disabled = true;
  await (isRunning ? stop() : start());
  toggle.disabled = false;
});
timer.addEventListener("toggle", () => {
  if (timer.open) attempt(offerTasks);
});
others.addEventListener("message", () => {
  etag = null;
  refresh();
});
document.addEventListener("visibilitychange", refresh);
window.addEventListener("pageshow", (event) => event.persisted && refresh());
setInterval(() => isRunning && tick(), 1000);
setInterval(refresh, FRESH_EVERY_MS);
draw();
