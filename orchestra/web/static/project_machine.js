// A machine step that failed: its error, another try, or a result given by hand (W-55, L-123).

import { make } from "./dialogs.js";
import { call, look } from "./project_calls.js";
import { Edit } from "./project_edit.js";
import { json, paragraph, parseObject, sentence } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

// What went wrong last; the traceback is there for who wants it.
async function lastError(task) {
  const { attempts } = await look("attempts", { task_id: task.id });
  const failed = attempts.find((attempt) => attempt.error || attempt.traceback);
  if (!failed) return [];
  const error = make("p", { className: "data-text" }, failed.error ?? "It failed without a message.");
  if (!failed.traceback) return [error];
  const trace = make("pre", { className: "traceback", tabIndex: 0 }, failed.traceback);
  const summary = make("summary", {}, `Traceback of attempt ${failed.number}`);
  return [error, make("details", { className: "mb-3" }, summary, trace)];
}

export async function retry(task, project) {
  let edit;
  const done = await new Sheet({
    title: `Retry ${task.name}`,
    action: "Retry",
    load: async () => {
      const [error, begun] = await Promise.all([
        lastError(task),
        Edit.begin(project.id, ["project_data"]),
      ]);
      edit = begun;
      return [...error, paragraph("If the data was the reason, change it here first."), ...edit.content()];
    },
    act: (sheet) =>
      edit.attempt(sheet, (changes, revision) =>
        call("retry_machine_task", {
          task_id: task.id,
          ...(changes.project_data ? { ...changes, revision } : {}),
        }),
      ),
  }).open();
  return done && { text: `${task.name} is tried again.` };
}

export async function skipWithData(task) {
  const done = await new Sheet({
    title: `Skip ${task.name} with data`,
    action: "Skip with this data",
    load: async () => [
      ...(await lastError(task)),
      sentence`${task.name} is complete with the result that you give, and the next steps begin.`,
      json("data", "Result", {}, "JSON, as the step itself would give it."),
    ],
    act: (sheet) =>
      call("skip_machine_task", { task_id: task.id, data: parseObject("data", sheet.value("data")) }),
  }).open();
  return done && { text: `${task.name} is complete with the data you gave.` };
}
