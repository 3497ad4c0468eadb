// Description, priority and project data, also together with a retry; somebody else may change
// the same meanwhile (W-54, W-55, L-108).

import { chooseBetween } from "./conflict.js";
import { make } from "./dialogs.js";
import { canonical } from "./draft.js";
import { call } from "./project_calls.js";
import { json, line, lines, parseObject, wholeNumber } from "./project_fields.js";
import { Sheet } from "./project_sheet.js";

const LONGEST_DESCRIPTION = 1000;

const FIELDS = {
  short_description: {
    label: "Description",
    make: (name, label, value) => lines(name, label, { value, rows: 2, maxLength: LONGEST_DESCRIPTION }),
    read: (name, text) => text,
  },
  priority: {
    label: "Priority",
    make: (name, label, value) =>
      line(name, label, { value, inputMode: "numeric", help: "A larger number is more urgent." }),
    read: wholeNumber,
  },
  project_data: {
    label: "Project data",
    make: (name, label, value) => json(name, label, value, "JSON; it replaces what is there."),
    read: parseObject,
  },
};
const LABELS = Object.fromEntries(Object.entries(FIELDS).map(([name, { label }]) => [name, label]));

// Some fields of a project as they are stored, and as the person wants them.
export class Edit {
  constructor(project, names) {
    this.names = names;
    this.revision = project.revision;
    this.stored = this.#only(project);
  }

  static async begin(projectId, names = Object.keys(FIELDS)) {
    const { project } = await call("project_information", { project_id: projectId });
    return new Edit(project, names);
  }

  content(values = this.stored) {
    return this.names.map((name) => FIELDS[name].make(name, LABELS[name], values[name]));
  }

  // save(changes, revision) is called with what differs; on a newer version the person chooses,
  // and what they chose is saved.
  async attempt(sheet, save) {
    const wanted = this.#read(sheet);
    const changes = Object.entries(wanted).filter(
      ([name, value]) => canonical(value) !== canonical(this.stored[name]),
    );
    try {
      return await save(Object.fromEntries(changes), this.revision);
    } catch (refusal) {
      if (refusal.kind !== "stale_revision") throw refusal;
      this.#settle(sheet, wanted, refusal.answer);
      return undefined;
    }
  }

  #only(values) {
    return Object.fromEntries(this.names.map((name) => [name, values[name]]));
  }

  #read(sheet) {
    return Object.fromEntries(
      this.names.map((name) => [name, FIELDS[name].read(name, sheet.value(name))]),
    );
  }

  async #settle(sheet, mine, newer) {
    const { action } = sheet;
    const section = make("section", { tabIndex: -1 });
    const who = newer.saved_by ? ` by ${newer.saved_by}` : "";
    const reason = `The project was changed${who} meanwhile. Choose what to keep.`;
    this.revision = newer.revision;
    this.stored = this.#only(newer.data);
    sheet.show([section], null);
    const chosen = await chooseBetween(section, { mine, theirs: this.stored, labels: LABELS, reason });
    sheet.show(this.content(chosen), action);
    sheet.submit();
  }
}

export async function editProject(project) {
  let edit;
  const done = await new Sheet({
    title: "Edit the project",
    action: "Save",
    load: async () => {
      edit = await Edit.begin(project.id);
      return edit.content();
    },
    act: (sheet) =>
      edit.attempt(sheet, (changes, revision) =>
        call("edit_project", { project_id: project.id, revision, ...changes }),
      ),
  }).open();
  return done && { text: "The project is saved." };
}
