// Back to an earlier round: first the report in words, then, with a second press, the revert (W-57).

import { make } from "./dialogs.js";
import { call } from "./project_calls.js";
import { choice, paragraph, sentence } from "./project_fields.js";
import { roleOf } from "./project_people.js";
import { Sheet } from "./project_sheet.js";

const CHANGES = { unchanged: "stays", reverted: "is opened again", discarded: "is discarded" };

const list = (texts) => make("ul", {}, ...texts.map((text) => make("li", {}, text)));

// One group of options a round, the last round first, as the history is read.
function chooser({ rounds }) {
  const groups = rounds.map((round) => {
    const { id, number, who, level, did, at } = round;
    const first = rounds.find(({ assignment }) => assignment === round.assignment);
    const options = [{ value: `${id} to`, text: `To here: ${who} works on round ${number} again` }];
    if (round === first) {
      options.push({ value: `${id} before`, text: `Before it: round ${number} is discarded, too` });
    }
    return [`Round ${number}: ${who}, ${roleOf(level)}, ${did}, ${at}`, options];
  });
  return groups.reverse().map(([title, options], at) => choice("target", title, options, at === 0));
}

function target(task, sheet) {
  if (!hasChoice(task)) return { task_id: task.id, revert_before: true };
  const [id, manner] = sheet.value("target").split(" ");
  return { task_id: task.id, iteration_id: Number(id), revert_before: manner === "before" };
}

// A machine step goes back to before it ran; what nobody worked on, to its very start.
const hasChoice = (task) => task.isHuman && task.rounds.length > 0;

function withoutChoice(task) {
  const text = task.isHuman
    ? "Nobody worked on it: it goes back to its very start."
    : "It goes back to before it ran, and runs again.";
  return [paragraph(text)];
}

const changesNothing = ({ status, new_status, assignments }) =>
  status === new_status &&
  assignments.length > 0 &&
  assignments.every(({ change }) => change === "unchanged");

function inWords(report, task, project, nameOf) {
  if (changesNothing(report)) {
    return [paragraph("That round is open already: nothing would change.")];
  }
  const byId = new Map(task.rounds.map((round) => [round.id, round]));
  const changes = report.assignments.flatMap(({ iterations }) => iterations);
  changes.sort((one, other) => one.iteration - other.iteration); // as they came, not by assignment
  const rounds = changes.map(({ iteration, change }) => {
    const round = byId.get(iteration);
    return `${round ? `Round ${round.number} of ${round.who}` : "A newer round"} ${CHANGES[change]}.`;
  });
  const content = [
    sentence`${task.name} is ${report.status} now and will be ${report.new_status}.`,
    list(rounds),
  ];
  if (project.status === "completed") {
    content.push(paragraph("The project is Completed and becomes Active again."));
  }
  if (report.later_tasks.length) {
    const later = report.later_tasks.map(({ step, status }) => `${nameOf(step)}: ${status}`);
    content.push(paragraph("These steps come after it. They stay as they are:"), list(later));
  }
  return content;
}

export async function revert(task, project, nameOf) {
  let reported = null; // what the report that is shown is about
  const done = await new Sheet({
    title: `Revert ${task.name}`,
    action: "Show what changes",
    content: hasChoice(task) ? chooser(task) : withoutChoice(task),
    act: async (sheet) => {
      if (reported) return call("revert_task", { ...reported, commit: true });
      const wanted = target(task, sheet);
      const report = await call("revert_task", wanted);
      const words = inWords(report, task, project, nameOf);
      sheet.show(
        [make("div", { className: "sheet-report", tabIndex: -1 }, ...words)],
        changesNothing(report) ? null : "Revert now",
      );
      reported = wanted;
      return undefined;
    },
  }).open();
  return done && { text: `${task.name} is ${done.new_status} again.` };
}
