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
const NAMES = {
  labels: Object.fromEntries(Object.entries(LABELS).map(([name, label]) => [`/${name}`, label])),
  choices: {},
};

const same = (one, other) => canonical(one) === canonical(other);
const only = (values, names) => Object.fromEntries(names.map((name) => [name, values[name]]));

// Some fields of a project as they are stored, and as the person wants them.
export class Edit {
  constructor(project, names) {
    this.names = names;
    this.revision = project.revision;
    this.stored = only(project, names);
  }

  static async begin(projectId, names = Object.keys(FIELDS)) {
    const { project } = await call("project_information", { project_id: projectId });
    return new Edit(project, names);
  }

  content(values = this.stored) {
    return this.names.map((name) => FIELDS[name].make(name, LABELS[name], values[name]));
  }

  // save(changes, revision) is called with what differs. If somebody else was faster, the person
  // chooses where both changed the same; everything else goes together by itself.
  async attempt(sheet, save) {
    const changes = this.#changes(sheet);
    try {
      return await save(changes, this.revision);
    } catch (refusal) {
      if (refusal.kind !== "stale_revision") throw refusal;
      const { data, revision, saved_by } = refusal.answer;
      const disputed = Object.keys(changes).filter(
        (name) => !same(data[name], this.stored[name]) && !same(data[name], changes[name]),
      );
      Object.assign(this, { revision, stored: only(data, this.names) });
      sheet.show(this.content({ ...this.stored, ...changes }), sheet.action);
      if (!disputed.length) return this.attempt(sheet, save);
      this.#settle(sheet, only(changes, disputed), changes, saved_by);
      return undefined;
    }
  }

  #changes(sheet) {
    const wanted = this.names.map((name) => [name, FIELDS[name].read(name, sheet.value(name))]);
    return Object.fromEntries(wanted.filter(([name, value]) => !same(value, this.stored[name])));
  }

  async #settle(sheet, mine, changes, savedBy) {
    const section = make("section", { tabIndex: -1 });
    const who = savedBy ? ` by ${savedBy}` : "";
    const theirs = only(this.stored, Object.keys(mine));
    const reason = `The project was changed${who} meanwhile. Choose what to keep.`;
    sheet.show([section], null);
    const chosen = await chooseBetween(section, { mine, theirs, names: NAMES, reason });
    sheet.show(this.content({ ...this.stored, ...changes, ...chosen }), sheet.action);
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
