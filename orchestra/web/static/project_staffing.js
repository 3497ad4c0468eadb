// StaffBot looks for somebody: for a task, instead of somebody, or not any more (W-55, S-5 to S-12).

import { call } from "./project_calls.js";
import { choice, sentence } from "./project_fields.js";
import { chooseHolder, roleOf } from "./project_people.js";
import { Sheet } from "./project_sheet.js";

const stopAsking = (request_id) => call("cancel_request", { request_id });

const askedBefore = (requests, level) => requests.find((request) => request.level === level);

// Whoever was asked before is asked again (S-7), and what they were asked before lapses (S-6).
function anew(earlier) {
  if (!earlier) return [];
  const people = earlier.asked === 1 ? "1 person was" : `${earlier.asked} people were`;
  return [sentence`StaffBot is looking already: ${people} asked. They are asked anew, and the offers so far lapse.`];
}

export async function staff(task) {
  const what = task.isForReview ? `a reviewer for ${task.name}` : `somebody for ${task.name}`;
  const open = task.requests.find(({ replaces }) => !replaces);
  const begun = await new Sheet({
    title: `Look for ${what}`,
    action: open ? "Ask again" : "Ask people",
    content: [
      sentence`StaffBot offers ${task.name} to people who may take it, a few at a time. Whoever accepts first gets it.`,
      ...anew(open),
    ],
    act: () => call("staff_task", { task_id: task.id }),
  }).open();
  if (!begun) return null;
  return {
    text: `StaffBot is looking for ${what}.`,
    undo: () => stopAsking(begun.request_id),
    undone: `StaffBot has stopped looking for ${what}.`,
  };
}

export async function restaff(task) {
  const holder = await chooseHolder(task, `Replace somebody on ${task.name}`, "Who is to be replaced?");
  if (!holder) return null;
  const begun = await new Sheet({
    title: `Look for somebody instead of ${holder.name}`,
    action: "Ask people",
    content: [
      sentence`StaffBot offers the ${roleOf(holder.level)} of ${task.name} to others. ${holder.name} keeps it, and can hand it over, until somebody accepts.`,
      ...anew(askedBefore(task.requests, holder.level)),
    ],
    act: () => call("restaff_task", { task_id: task.id, worker_username: holder.username }),
  }).open();
  if (!begun) return null;
  return {
    text: `StaffBot is looking for somebody instead of ${holder.name} on ${task.name}.`,
    undo: () => stopAsking(begun.request_id),
    undone: `${holder.name} keeps ${task.name}; nobody else is asked.`,
  };
}

function chooseRequest(task) {
  if (task.requests.length === 1) return task.requests[0];
  const options = task.requests.map(({ id, level, replaces }) => ({
    value: String(id),
    text: replaces ? `Instead of ${replaces}` : `For the ${roleOf(level)}`,
  }));
  return new Sheet({
    title: `Stop asking for ${task.name}`,
    action: "Continue",
    content: [choice("request", "Which search is to end?", options)],
    act: (sheet) => task.requests.find(({ id }) => String(id) === sheet.value("request")),
  }).open();
}

export async function cancelRequest(task) {
  const request = await chooseRequest(task);
  if (!request) return null;
  const done = await new Sheet({
    title: `Stop asking for ${task.name}`,
    action: "Stop asking",
    content: [sentence`Nobody else is asked, and offers that were not answered lapse. ${task.name} stays as it is.`],
    act: () => stopAsking(request.id),
  }).open();
  return done && { text: `StaffBot has stopped asking for ${task.name}.` };
}
