// Panels of documents on a task: read anew when somebody comes back from writing in another tab.

const TEXT = "data-document-text";

async function renew() {
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const text of document.querySelectorAll(`[${TEXT}]`)) {
    const fresh = page.querySelector(`[${TEXT}="${text.getAttribute(TEXT)}"]`);
    if (fresh && fresh.innerHTML !== text.innerHTML) text.replaceChildren(...fresh.childNodes);
  }
}

addEventListener("focus", renew);
