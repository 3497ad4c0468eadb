// The project page: what its admins do with the project and its tasks (W-54, W-55, W-57).

import { Refusal } from "./api.js";
import { make } from "./dialogs.js";
import { notify } from "./notices.js";
import { editProject } from "./project_edit.js";
import { retry, skipWithData } from "./project_machine.js";
import { assign, reassign, unassign, why } from "./project_people.js";
import { revert } from "./project_revert.js";
import { skip, unskip } from "./project_skipping.js";
import { cancelRequest, restaff, staff } from "./project_staffing.js";
import { abort, createSubsequentTasks, messageTeam, pause, resume } from "./project_status.js";

// Each resolves to {text, undo?, undone?, tone?}, or null when nothing was done.
const ON_PROJECT = {
  pause,
  resume,
  abort,
  edit: editProject,
  create_subsequent_tasks: createSubsequentTasks,
  message_team: messageTeam,
};
const ON_TASK = {
  assign,
  reassign,
  unassign,
  staff,
  restaff,
  cancel_request: cancelRequest,
  why,
  skip,
  unskip,
  retry,
  skip_with_data: skipWithData,
  revert,
};

let lastPlace = null; // where to go back to
let isOwnRefresh = false; // not one of those that come by themselves

function shownProject() {
  const { dataset } = document.querySelector("[data-project-actions]");
  return { id: Number(dataset.projectId), status: dataset.status, description: dataset.description };
}

function shownTask({ dataset }) {
  return {
    id: Number(dataset.taskId),
    name: dataset.name,
    isHuman: "isHuman" in dataset,
    isForReview: dataset.status === "pending_review",
    isUntouched: "isUntouched" in dataset && dataset.status === "awaiting_processing",
    endsProject: "endsProject" in dataset,
    rounds: JSON.parse(dataset.rounds),
    holders: JSON.parse(dataset.holders),
    requests: JSON.parse(dataset.requests),
  };
}

function nameOf(step) {
  const row = document.querySelector(`[data-step-row="${CSS.escape(step)}"]`);
  return row?.dataset.stepName ?? step;
}

// The button that was pressed and, if it is gone, the others for the same task or the project.
function placeOf(button) {
  const taskId = button.closest("[data-task-actions]")?.dataset.taskId;
  const group = taskId ? `[data-task-actions][data-task-id="${taskId}"]` : "[data-project-actions]";
  return () => document.getElementById(button.id) ?? document.querySelector(`${group} > button`);
}

function begin(button) {
  const { act } = button.dataset;
  const tasks = button.closest("[data-task-actions]");
  return tasks ? ON_TASK[act](shownTask(tasks), shownProject(), nameOf) : ON_PROJECT[act](shownProject(), nameOf);
}

// Busy until it is done: a double press acts once (W-14).
async function whileBusy(button, act) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await act();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    notify(refusal.message);
    if (!refusal.isPassing) refresh(); // what is shown was not true any more
  } finally {
    button.ariaDisabled = null;
  }
}

function tell({ text, tone = "good", undo, undone }) {
  const notice = notify(text, tone);
  if (undo) {
    const button = make("button", { className: "btn btn-sm btn-outline-secondary", type: "button" });
    button.append("Undo");
    button.addEventListener("click", () =>
      whileBusy(button, async () => {
        await undo();
        tell({ text: undone });
      }),
    );
    notice.append(button);
  }
  refresh();
}

function refresh() {
  isOwnRefresh = true;
  if (window.htmx) window.htmx.trigger("#project", "refresh");
  else location.reload();
}

// The menu closes, and gives the focus back to the button that opened it, before a dialog opens.
function closeMenu(button) {
  const menu = button.closest("[popover]");
  menu?.hidePopover();
  return menu ? document.querySelector(`[popovertarget="${menu.id}"]`) : button;
}

async function press(button) {
  const opener = closeMenu(button);
  lastPlace = placeOf(opener);
  opener.focus();
  await whileBusy(button, async () => {
    const done = await begin(button);
    if (done) tell(done);
    else refresh(); // nothing was fetched while the dialog was open
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) press(button);
});

// Who acted by keyboard goes on where they were or, if no button is left there, at the start.
document.addEventListener("htmx:afterSwap", () => {
  const isLost = document.activeElement === document.body || !document.activeElement;
  if (isOwnRefresh && isLost) (lastPlace?.() ?? document.getElementById("main")).focus();
  isOwnRefresh = false;
});
