// The preview of a step's interface: what it produces, live, and checked like before a submit.

import { connect, examine, inspect, showErrors } from "./form.js";

const form = document.getElementById("preview-form");
const root = form.querySelector("[data-form]");
const live = document.querySelector("[data-live]");

function show(data) {
  const text = JSON.stringify(data, null, 2);
  live.querySelector("[data-live-data]").textContent = text;
  form.elements.task_data.value = text;
  live.hidden = false;
}

async function check(event) {
  event.preventDefault();
  const { problems, places } = await examine(root);
  if (problems.length) {
    const errors = Object.fromEntries(problems.map(({ pointer, message }) => [pointer, [message]]));
    showErrors(root, errors, places).find(({ control }) => control)?.control.focus();
    return;
  }
  const checked = document.createElement("input");
  Object.assign(checked, { type: "hidden", name: "check", value: "yes" });
  form.append(checked);
  form.submit(); // the server has the last word
}

if (root) {
  form.noValidate = true;
  connect(root);
  root.addEventListener("orchestra-change", ({ detail }) => show(detail.data));
  form.addEventListener("submit", check);
  show(inspect(root).data);
}
document.getElementById("problems")?.focus();
