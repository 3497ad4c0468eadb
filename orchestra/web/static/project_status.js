// A project rests, goes on, or ends; its due steps begin, its team is told (W-54, L-27, L-102 to L-105).

import { call } from "./project_calls.js";
import { confirmation, lines, paragraph, requireConfirmation, sentence } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

const setStatus = (project, status, more = {}) =>
  call("set_project_status", { project_id: project.id, status, ...more });

export async function pause(project) {
  const done = await new Sheet({
    title: "Pause the project",
    action: "Pause",
    content: [
      paragraph("Drafts can still be saved. Nothing is handed over, taken or started until you resume."),
      lines("reason", "Reason (optional)", { rows: 2, maxLength: 1000, help: "Everybody on the project sees it." }),
    ],
    act: (sheet) => {
      const reason = sheet.value("reason").trim();
      return setStatus(project, "paused", reason ? { reason } : {});
    },
  }).open();
  if (!done) return null;
  return {
    text: "The project is paused.",
    undo: () => setStatus(project, "active"),
    undone: "The project is active again.",
  };
}

// Nothing is asked: it only goes on, and can be paused again.
export async function resume(project) {
  await setStatus(project, "active");
  return {
    text: "The project is active again; what was held back goes on.",
    undo: () => setStatus(project, "paused"),
    undone: "The project is paused again.",
  };
}

export async function abort(project) {
  const done = await new Sheet({
    title: `Abort project ${project.id}`,
    action: "Abort the project",
    tone: "outline-danger",
    content: [
      sentence`${project.description}: every open task ends, and nobody can work on it again. What is finished stays readable. This cannot be undone.`,
      confirmation(String(project.id)),
    ],
    act: (sheet) => {
      requireConfirmation(sheet.value("confirmation"), String(project.id));
      return call("end_project", { project_id: project.id });
    },
  }).open();
  return done && { text: "The project is aborted." };
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export async function createSubsequentTasks(project, nameOf) {
  const { created, skipped, problems } = await call("create_subsequent_tasks", {
    project_id: project.id,
  });
  if (problems.length) {
    const text = `${counted(problems.length, "step")} could not be created; the page says why.`;
    return { text, tone: "warning" };
  }
  if (!created.length && !skipped.length) return { text: "No step is due that has no task yet." };
  const parts = [];
  const named = (steps) => steps.map(nameOf).join(", ");
  if (created.length) parts.push(`${counted(created.length, "task")} created: ${named(created)}`);
  if (skipped.length) parts.push(`${counted(skipped.length, "step")} skipped: ${named(skipped)}`);
  return { text: `${parts.join("; ")}.` };
}

export async function messageTeam(project) {
  const done = await new Sheet({
    title: "Message the team",
    action: "Send",
    content: [
      paragraph("Everybody who holds a task of this project finds it in their inbox."),
      lines("message", "Message", { rows: 5, maxLength: 3000, required: true }),
    ],
    act: (sheet) => call("message_team", { project_id: project.id, message: sheet.value("message") }),
  }).open();
  return done && { text: "Your message was sent to the team." };
}
