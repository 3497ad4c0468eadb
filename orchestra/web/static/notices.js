// What just happened, above the content, where screen readers hear it.

export function notify(text, tone = "warning") {
  const notice = document.createElement("p");
  notice.className = `notice notice-${tone}`;
  notice.textContent = text;
  document.getElementById("notices").replaceChildren(notice);
  return notice;
}
