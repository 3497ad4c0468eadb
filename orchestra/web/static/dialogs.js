// The dialogs of the task page, and how elements are made from text that is only text.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { dataset = {}, ...others } = properties;
  Object.assign(element, others);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

const waiting = new WeakMap(); // dialog: what ends the waiting for its answer

// Resolves to the value of the button pressed, or null when the dialog was left.
function open(dialog, title, content, buttons) {
  waiting.get(dialog)?.(null);
  const heading = make("h2", { className: "h5", id: `${dialog.id}-title` }, title);
  const bar = make("div", { className: "d-flex gap-2 justify-content-end mt-3" }, ...buttons);
  const form = make("form", { method: "dialog" }, heading, ...content, bar);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation(); // the page behind has the same keys
    if (!event.repeat) buttons.at(-1).click(); // a key that is held did not confirm
  });
  dialog.replaceChildren(form);
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.removeEventListener("close", closed);
      waiting.delete(dialog);
      resolve(answer);
    };
    // The event comes late: of a dialog that is open again it belongs to the time before.
    const closed = () => dialog.open || end(dialog.returnValue || null);
    waiting.set(dialog, end);
    dialog.addEventListener("close", closed);
  });
}

const button = (value, text, style) =>
  make("button", { className: `btn btn-${style}`, value, type: "submit" }, text);

// What the reviewer has written at the fields goes along.
function gathered(remarks) {
  const lines = remarks.map(({ name, text }) => make("li", {}, make("strong", {}, `${name}: `), text));
  const heading = make("p", { className: "mt-2 mb-0" }, "Your remarks go along:");
  return lines.length ? [heading, make("ul", { className: "gathered" }, ...lines)] : [];
}

// Resolves to {comment}, or null when the person thought better of it.
export async function confirm(dialog, { action, text, takesComment, remarks = [] }) {
  const comment = make("textarea", { className: "form-control", rows: 4, maxLength: 10000 });
  comment.id = `${dialog.id}-comment`;
  comment.value = dialog.dataset.comment ?? ""; // of a time when it was closed, or refused
  comment.addEventListener("input", () => (dialog.dataset.comment = comment.value));
  const label = make("label", { className: "form-label mt-2", htmlFor: comment.id });
  label.append("Comment (optional)");
  const content = [make("p", { className: "mb-0" }, text), ...gathered(remarks)];
  if (takesComment) content.push(label, comment);
  const buttons = [button("", "Cancel", "outline-secondary"), button("yes", action, "primary")];
  const answer = await open(dialog, `${action}?`, content, buttons);
  return answer && { comment: comment.value };
}

export async function askToSignIn(dialog) {
  const here = encodeURIComponent(location.pathname);
  const link = make("a", { href: `/orchestra/accounts/login/?next=${here}`, target: "_blank" });
  link.rel = "noopener";
  link.append("Sign in in a new tab");
  const text = "You are signed out. Your work is kept here. ";
  const content = [make("p", { className: "mb-0" }, text, link, ", then continue.")];
  const buttons = [
    button("", "Not now", "outline-secondary"),
    button("yes", "I have signed in: continue", "primary"),
  ];
  return Boolean(await open(dialog, "Please sign in again", content, buttons));
}
