// The task page: saving, handing over, shortcuts (W-23 to W-31). The form is read by form.js.

import { Refusal, send } from "./api.js";
import { chooseBetween, namesIn } from "./conflict.js";
import { askToSignIn, confirm, make } from "./dialogs.js";
import { Draft, canonical, clock, keyOf } from "./draft.js";
import { ElementPad } from "./element_remarks.js";
import { clearErrors, connect, examine, inspect, showErrors } from "./form.js";
import { RemarkPad, startRemarks, stillOpen } from "./remarks.js";

const EXPLANATIONS = {
  submit: "You hand over this work. Afterwards you can only read it.",
  accept: "You hand over this work as good. Afterwards you can only read it.",
  return: "The work goes back to the person before you, with what you say.",
};
const MAIN_COMMANDS = ["submit", "accept"];

// The data as the server sent it: a quick hand, or a browser that remembers, fills in the form
// before this script runs.
function served(form) {
  const copy = form.cloneNode(true);
  copy.reset();
  return inspect(copy.querySelector("[data-form]")).data;
}

class TaskPage {
  #isBusy = false;
  #isReplaced = false; // the form shows something else than the draft holds

  constructor(form, root) {
    this.form = form;
    this.root = root;
    this.taskId = Number(form.dataset.taskId);
    this.state = document.querySelector("[data-save-state]");
    this.summary = document.getElementById("error-summary");
    this.conflict = document.getElementById("conflict");
    this.signIn = () => askToSignIn(document.getElementById("login-dialog"));
    const key = keyOf("task", this.taskId);
    this.pad = new ("element" in root.dataset ? ElementPad : RemarkPad)(root, key);
    this.draft = new Draft({
      key,
      revision: Number(form.dataset.revision),
      data: served(form),
      send: (data, revision) => this.#call("save", { task_data: data, revision }),
      announce: (text) => this.#announce(text),
      stored: () => this.#isReplaced && location.reload(),
      stale: (answer) => this.#resolve(answer),
    });
  }

  start() {
    this.form.noValidate = true; // our own sentences, at the fields
    connect(this.root);
    this.pad.start();
    startRemarks(this.signIn);
    this.root.addEventListener("orchestra-change", ({ detail }) => this.draft.change(detail.data));
    this.root.addEventListener("orchestra-renew", (event) => {
      if (this.draft.isDirty) event.preventDefault();
    });
    this.root.addEventListener("orchestra-renewed", ({ detail }) => this.draft.adopt(detail));
    document.addEventListener("click", (event) => this.#pressed(event));
    document.addEventListener("keydown", (event) => this.#typed(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(event.submitter ?? this.#button("save"));
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.draft.isDirty) event.preventDefault();
    });
    const left = this.draft.leftBehind;
    this.draft.change(inspect(this.root).data);
    if (left) this.#offer(left);
  }

  async run(button) {
    if (!button || button.disabled || this.#isBusy) return;
    const { command } = button.dataset;
    if (command !== "save") {
      await this.#handOver(command, button.textContent.trim());
      return;
    }
    this.#setBusy(true);
    await examine(this.root); // an element may have something left to tell
    await this.draft.save();
    this.#setBusy(false);
  }

  async #handOver(command, action) {
    if (MAIN_COMMANDS.includes(command) && !(await this.#isComplete())) return;
    const answer = await confirm(document.getElementById("confirm-dialog"), {
      action,
      text: EXPLANATIONS[command] + (MAIN_COMMANDS.includes(command) ? stillOpen() : ""),
      takesComment: command !== "submit",
      remarks: this.pad.said,
    });
    if (!answer) return;
    this.#setBusy(true);
    try {
      await this.#submit(command, answer);
    } finally {
      this.#setBusy(false);
    }
  }

  async #submit(command, { comment }) {
    await this.draft.rest();
    const { data, revision } = this.draft;
    const remarks = this.pad.said.map(({ pointer, text }) => ({ pointer, text }));
    const said = { comment: comment || null, ...(remarks.length && { remarks }) };
    try {
      const body = { task_data: data, command_type: command, revision, ...said };
      const { next } = await this.#call("submit", body);
      this.draft.finish();
      this.pad.forget();
      location.assign(next);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.#refused(refusal);
    }
  }

  #refused(refusal) {
    if (refusal.kind === "stale_revision") {
      this.#resolve(refusal.answer);
      return;
    }
    const hasFields = Object.keys(refusal.fields).length > 0;
    if (hasFields) this.#report(refusal.fields);
    else this.#summarise([{ message: refusal.message, control: null }]);
    this.draft.resume();
  }

  #call(name, body) {
    return send(`${name}_task_assignment/`, { task_id: this.taskId, ...body }, this.signIn);
  }

  async #isComplete() {
    const { problems, places } = await examine(this.root);
    const errors = Object.fromEntries(problems.map(({ pointer, message }) => [pointer, [message]]));
    clearErrors(this.root);
    this.summary.replaceChildren();
    this.summary.hidden = true;
    if (problems.length) this.#report(errors, places);
    return !problems.length;
  }

  #report(errors, places) {
    this.#summarise(showErrors(this.root, errors, places));
  }

  #summarise(found) {
    const lines = found.map(({ message, control }) => {
      if (!control) return make("li", {}, message);
      const link = make("a", { href: `#${control.id}` }, message);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        control.focus();
      });
      return make("li", {}, link);
    });
    const heading = make("h2", { className: "h5" }, "There is a problem");
    const list = make("ul", { className: "mb-0" }, ...lines);
    this.summary.replaceChildren(make("div", { className: "alert alert-danger" }, heading, list));
    this.summary.setAttribute("role", "alert");
    this.summary.tabIndex = -1;
    this.summary.hidden = false;
    (found.find(({ control }) => control)?.control ?? this.summary).focus();
  }

  async #resolve(newer) {
    const isOwn = newer.saved_by === this.form.dataset.username;
    const by = newer.saved_by ? ` by ${newer.saved_by}` : "";
    const who = isOwn ? " in another window" : by;
    const when = newer.saved_at ? ` at ${clock(newer.saved_at)}` : "";
    await this.#choose(this.draft.data, newer.data, newer.revision, {
      reason: `A newer version was saved${who}${when}. Choose what to keep.`,
    });
  }

  async #choose(mine, theirs, revision, { reason }) {
    this.root.inert = true; // what is typed now would be in neither version
    const names = namesIn(this.root);
    const data = await chooseBetween(this.conflict, { mine, theirs, names, reason });
    this.draft.revision = revision;
    await this.#replace(data);
  }

  // Once the data is stored the server renders it, so that the page need not know how to fill in.
  async #replace(data) {
    this.root.inert = true;
    this.#isReplaced = true;
    this.draft.change(data);
    this.draft.resume();
    await this.draft.save();
  }

  #offer(left) {
    if (canonical(left.data) === canonical(this.draft.data)) {
      if (!this.draft.isDirty) this.draft.forgetLeftBehind();
      return;
    }
    const restore = make("button", { type: "button", className: "btn btn-sm btn-primary" });
    restore.append("Restore it");
    const discard = make("button", { type: "button", className: "btn btn-sm btn-outline-secondary" });
    discard.append("Discard it");
    const text = `Unsaved work from ${clock(left.at)} was kept in this browser. `;
    this.conflict.replaceChildren(make("p", { className: "mb-2" }, text), restore, " ", discard);
    this.conflict.hidden = false;
    discard.addEventListener("click", () => {
      this.draft.forgetLeftBehind();
      this.conflict.hidden = true;
    });
    restore.addEventListener("click", () => this.#restore(left));
  }

  #restore({ data, revision }) {
    this.conflict.hidden = true;
    if (revision === this.draft.revision && !this.draft.isDirty) return this.#replace(data);
    const reason = "The work on this page is newer than that. Choose what to keep.";
    return this.#choose(data, this.draft.data, this.draft.revision, { reason });
  }

  #pressed(event) {
    const button = event.target.closest("button[data-command]");
    if (!button) return;
    event.preventDefault();
    this.run(button);
  }

  #typed(event) {
    if (!(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
    if (event.key === "s") {
      event.preventDefault();
      this.run(this.#button("save"));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.run(MAIN_COMMANDS.map((command) => this.#button(command)).find(Boolean));
    }
  }

  #button(command) {
    return document.querySelector(`button[data-command="${command}"]`);
  }

  // Only the buttons that were usable are given back: a blocked Submit stays blocked.
  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    for (const button of document.querySelectorAll("button[data-command]")) {
      if (isBusy && !button.disabled) button.dataset.resting = "";
      if (isBusy) button.disabled = true;
      else if ("resting" in button.dataset) {
        button.disabled = false;
        delete button.dataset.resting;
      }
    }
  }

  #announce(text) {
    if (this.state) this.state.textContent = text;
  }
}

const form = document.getElementById("task-form");
const root = form?.querySelector("[data-form]");
if (root) new TaskPage(form, root).start();
