// Who works on a task: assign, reassign, unassign, and why somebody may not (W-55, P-64).

import { make } from "./dialogs.js";
import { call, look } from "./project_calls.js";
import { choice, sentence, wrong } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

const MOST_SHOWN = 100; // of many workers; the search finds the others

export const roleOf = (level) => ["delivery", "review"][level] ?? `review ${level}`;

const named = ({ name, username }) => (name === username ? name : `${name} (${username})`);

function row(worker, takesChoice) {
  const label = make(takesChoice ? "label" : "div", { className: "candidate" });
  if (takesChoice) {
    const radio = make("input", { className: "form-check-input", type: "radio" });
    Object.assign(radio, { name: "worker_username", value: worker.username });
    radio.disabled = !worker.eligible;
    label.append(radio);
  }
  const text = make("span", {}, named(worker));
  const note = worker.eligible ? "eligible" : worker.reason;
  label.append(make("span", {}, text, make("span", { className: "count d-block" }, note)));
  return label;
}

// All active workers, the eligible ones first, with a search that keeps what is chosen.
function candidates(workers, takesChoice) {
  const search = make("input", { className: "form-control", type: "search", id: "action-search" });
  search.autocomplete = "off";
  const count = make("p", { className: "form-text", role: "status" });
  const list = make("div", { className: "candidates", tabIndex: 0 });
  list.setAttribute("role", "group");
  list.ariaLabel = "Workers";
  const rows = workers.map((worker) => [
    `${worker.name} ${worker.username}`.toLowerCase(),
    row(worker, takesChoice),
  ]);
  const eligible = workers.filter((worker) => worker.eligible).length;

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter(([text, element]) => {
      const isChosen = element.querySelector("input")?.checked;
      return isChosen || words.every((word) => text.includes(word));
    });
    list.replaceChildren(...found.slice(0, MOST_SHOWN).map(([, element]) => element));
    const shown = Math.min(found.length, MOST_SHOWN);
    const all = `${eligible} of ${workers.length} active workers may take it.`;
    count.textContent = shown < rows.length ? `${all} ${shown || "None"} shown.` : all;
    list.hidden = !shown;
  }

  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it searches, and assigns nobody
  });
  show();
  const label = make("label", { className: "form-label", htmlFor: search.id }, "Search");
  return make("div", { dataset: { control: "" } }, label, search, count, list);
}

// The workers to choose from, and who of them was chosen.
class Choice {
  #workers = [];

  constructor(query) {
    this.query = query;
  }

  async content(takesChoice = true) {
    ({ workers: this.#workers } = await look("eligible_workers", this.query));
    return [candidates(this.#workers, takesChoice)];
  }

  made(sheet) {
    const chosen = sheet.value("worker_username");
    const worker = this.#workers.find(({ username }) => username === chosen);
    if (!worker) throw wrong("worker_username", "Choose who gets the task.");
    return worker;
  }
}

export async function assign(task) {
  const workers = new Choice({ task_id: task.id });
  const given = await new Sheet({
    title: task.isForReview ? `Assign the review of ${task.name}` : `Assign ${task.name}`,
    action: "Assign",
    load: () => workers.content(),
    act: async (sheet) => {
      const { name, username } = workers.made(sheet);
      const answer = await call("assign_task", { task_id: task.id, worker_username: username });
      return { name, ...answer };
    },
  }).open();
  if (!given) return null;
  const { name, assignment_id } = given;
  return {
    text: `${task.name} is with ${name} now.`,
    undo: () => call("unassign", { assignment_id }),
    undone: `${task.name} is back in the pool.`,
  };
}

export async function reassign(task) {
  const title = `Reassign ${task.name}`;
  const holder = await chooseHolder(task, title, "Whose work goes to somebody else?");
  if (!holder) return null;
  const { id: assignment_id, level } = holder;
  const move = (worker_username) => call("reassign_assignment", { assignment_id, worker_username });
  const workers = new Choice({ task_id: task.id, level });
  const given = await new Sheet({
    title: `Reassign ${task.name}: instead of ${holder.name}`,
    action: "Reassign",
    load: () => workers.content(),
    act: async (sheet) => {
      const chosen = workers.made(sheet);
      await move(chosen.username);
      return chosen;
    },
  }).open();
  if (!given) return null;
  return {
    text: `${given.name} has the work of ${holder.name} on ${task.name} now, as it was.`,
    undo: () => move(holder.username),
    undone: `${holder.name} has ${task.name} again.`,
  };
}

// Whose work it is about, when several are on the task.
export function chooseHolder(task, title, question) {
  if (task.holders.length === 1) return task.holders[0];
  const options = task.holders.map((holder) => ({
    value: String(holder.id),
    text: `${named(holder)}, ${roleOf(holder.level)}`,
    note: holder.is_working ? "works on it now" : "handed it over",
  }));
  return new Sheet({
    title,
    action: "Continue",
    content: [choice("holder", question, options)],
    act: (sheet) => task.holders.find((holder) => String(holder.id) === sheet.value("holder")),
  }).open();
}

export async function unassign(task) {
  const holder = task.holders.find((one) => one.is_working);
  const done = await new Sheet({
    title: `Unassign ${task.name}`,
    action: `Take it from ${holder.name}`,
    content: [
      sentence`${holder.name} loses the task and it waits for somebody else. The draft is kept for them.`,
    ],
    act: () => call("unassign", { assignment_id: holder.id }),
  }).open();
  if (!done) return null;
  return {
    text: `${task.name} is back in the pool; the draft is kept.`,
    undo: () => call("assign_task", { task_id: task.id, worker_username: holder.username }),
    undone: `${holder.name} has ${task.name} again, with the draft.`,
  };
}

export async function why(task) {
  await new Sheet({
    title: `Who may take ${task.name}, and who may not`,
    load: () => new Choice({ task_id: task.id }).content(false),
  }).open();
  return null;
}
