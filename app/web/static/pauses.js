// What is paused shows at once on pages that are open: they ask every ten seconds, and as soon as they are looked at
// again. A page that nobody has touched for an hour asks no more.

const EVERY = 10_000;
const UNTOUCHED = 3_600_000;
const strips = document.getElementById("pauses");
let touched = Date.now();
let asking = false;
let wanted = false;

async function look() {
  if (document.hidden || Date.now() - touched > UNTOUCHED) return;
  if (asking) {
    wanted = true; // what is on its way may be older than what made somebody ask
    return;
  }
  asking = true;
  wanted = false;
  try {
    const answer = await fetch(strips.dataset.now, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    if (fresh.textContent.trim() === strips.textContent.trim() || strips.contains(document.activeElement)) return;
    strips.replaceChildren(...fresh.children);
  } catch {
    // The next look tells.
  } finally {
    asking = false;
    if (wanted) look();
  }
}

if (strips) {
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => (touched = Date.now()), { capture: true, passive: true });
  }
  document.addEventListener("visibilitychange", look);
  window.addEventListener("focus", () => {
    touched = Date.now();
    look();
  });
  setInterval(look, EVERY);
}
