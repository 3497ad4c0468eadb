// A human step is left out, or wanted after all (W-55, L-78 to L-82).

import { Refusal } from "./api.js";
import { call } from "./project_calls.js";
import { lines, sentence } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

// The revert that brings back exactly what the skip changed; null where there is none.
function wayBack(task) {
  if (task.endsProject) return null; // other tasks were aborted with it
  const open = task.rounds.find((round) => round.is_open);
  if (open) return { iteration_id: open.id };
  return task.isUntouched ? { revert_before: true } : null;
}

async function takeBack(task, way) {
  const body = { task_id: task.id, ...way };
  const report = await call("revert_task", body);
  const changes = report.assignments.flatMap(({ iterations }) => iterations);
  if (changes.some(({ change }) => change === "discarded")) {
    const message = "Somebody worked on it meanwhile. Use Revert, which shows what would be lost.";
    throw new Refusal(409, { error: "conflict", message });
  }
  await call("revert_task", { ...body, commit: true });
}

export async function skip(task) {
  const done = await new Sheet({
    title: `Skip ${task.name}`,
    action: "Skip",
    content: [
      sentence`${task.name} is complete with what is there now, without a review, and the next steps begin.`,
      lines("note", "Note (optional)", { rows: 2, maxLength: 1000, help: "It is kept in the history." }),
    ],
    act: (sheet) => {
      const note = sheet.value("note").trim();
      return call("complete_and_skip_task", { task_id: task.id, ...(note ? { note } : {}) });
    },
  }).open();
  if (!done) return null;
  const way = wayBack(task);
  return {
    text: `${task.name} is skipped.`,
    undo: way && (() => takeBack(task, way)),
    undone: `${task.name} is as it was. Steps that began meanwhile stay.`,
  };
}

// Nothing is asked: the step only becomes due.
export async function unskip(task) {
  const { status } = await call("unskip_task", { task_id: task.id });
  return { text: `${task.name} is wanted after all: ${status}.` };
}
