// The dashboard: pick up, filter, sort, walk by keyboard, stay fresh.

import { Refusal, send } from "./api.js";
import { keepFresh } from "./fresh.js";
import { notify } from "./notices.js";

const FRESH_EVERY_MS = 5000;
const REST_MS = 15000; // of a button that found nothing (W-17)
const TYPED_MS = 250; // after the last letter, before the server is asked

const resting = new Set(); // roles whose button rests
const asked = new URLSearchParams(location.search); // of the server
let words = wordsIn(asked.get("q") ?? ""); // of the filter
let sorting = sortingIn(asked.get("sort")); // {key, isDescending}
let typing;

function wordsIn(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function sortingIn(text) {
  if (!text) return null;
  const isDescending = text.startsWith("-");
  return { key: isDescending ? text.slice(1) : text, isDescending };
}

const work = () => document.getElementById("work");
const rowsOf = (table) => [...table.querySelectorAll("[data-row]")];

// Pick up

async function pickUp(form) {
  const role = form.dataset.newTask;
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  try {
    const signIn = () => location.reload();
    const { id } = await send(`new_task_assignment/${role}/`, {}, signIn);
    location.assign(`/orchestra/app/task/${id}`);
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    notify(refusal.message);
    resting.add(role);
    setTimeout(() => {
      resting.delete(role);
      askAnew();
    }, REST_MS);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-new-task]");
  if (!form) return;
  event.preventDefault();
  pickUp(form);
});

// Filter and sort: what the person chose outlives fresh data

function applyFilter() {
  const rows = [...document.querySelectorAll("[data-row]")];
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.dataset.value ?? "").join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const nothing = document.querySelector("[data-nothing-found]");
  if (nothing) nothing.hidden = !rows.length || rows.some((row) => !row.hidden);
}

function compare(one, other, column) {
  const [a, b] = [one, other].map((row) => row.cells[column].dataset.value);
  const isNumeric = a !== "" && b !== "" && !Number.isNaN(Number(a)) && !Number.isNaN(Number(b));
  return isNumeric ? Number(a) - Number(b) : a.localeCompare(b);
}

function applySorting() {
  for (const table of document.querySelectorAll("[data-tasks]")) {
    for (const heading of table.tHead.rows[0].cells) {
      const isChosen = sorting && heading.dataset.key === sorting.key;
      if (isChosen) heading.ariaSort = sorting.isDescending ? "descending" : "ascending";
      else heading.removeAttribute("aria-sort");
    }
    const keys = [...table.tHead.rows[0].cells].map((heading) => heading.dataset.key);
    const rows = rowsOf(table);
    const before = rows.map((row) => row.id).join();
    rows.sort((a, b) => {
      if (!sorting) return a.dataset.order - b.dataset.order;
      return compare(a, b, keys.indexOf(sorting.key)) * (sorting.isDescending ? -1 : 1);
    });
    if (before !== rows.map((row) => row.id).join()) table.tBodies[0].append(...rows);
  }
}

function apply() {
  applyFilter();
  applySorting();
  for (const form of document.querySelectorAll("[data-new-task]")) {
    if (resting.has(form.dataset.newTask)) form.querySelector("button").disabled = true;
  }
}

// What is on the page is filtered and sorted at once; of what is not, only the server knows.
function ask() {
  const isAll = !("cut" in work().dataset) && !asked.has("q") && !asked.has("sort");
  if (isAll) return;
  for (const name of [...asked.keys()]) asked.delete(name); // back to the first pages
  if (words.length) asked.set("q", words.join(" "));
  if (sorting) asked.set("sort", `${sorting.isDescending ? "-" : ""}${sorting.key}`);
  history.replaceState(null, "", address());
  askAnew();
}

function address() {
  const query = asked.toString();
  return location.pathname + (query && `?${query}`);
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "filter") return;
  words = wordsIn(event.target.value);
  applyFilter();
  clearTimeout(typing);
  typing = setTimeout(ask, TYPED_MS);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-filter]")) event.preventDefault();
});

// A third press goes back to the order of urgency.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-sort]");
  if (!link) return;
  event.preventDefault();
  const key = link.dataset.sort;
  if (sorting?.key !== key) sorting = { key, isDescending: false };
  else if (!sorting.isDescending) sorting = { key, isDescending: true };
  else sorting = null;
  applySorting();
  ask();
});

apply();
document.addEventListener("htmx:afterSwap", apply);
const askAnew = keepFresh({
  id: "work",
  everyMs: FRESH_EVERY_MS,
  address,
  isOfThePerson: (name, element) => name === "value" && element.id === "filter",
});
