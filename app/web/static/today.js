// Today stays up to date while somebody looks: every ten seconds its figures are put in place of the old ones.

const EVERY = 10_000;
const now = document.getElementById("now");
let waiting = 0;

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(now.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    put(fresh.body);
    document.getElementById("as-of").textContent = "kept up to date";
  } catch {
    document.getElementById("as-of").textContent = "not up to date: the connection is lost, trying again";
  }
}

/** Put the new figures in; a table that somebody opened stays open, and what is focused keeps the focus. */
function put(body) {
  const open = [...now.querySelectorAll("details")].map((one) => one.open);
  const places = [...now.querySelectorAll("a, summary, [tabindex]")];
  const at = places.indexOf(document.activeElement);
  if (at >= 0 && body.querySelectorAll("a, summary, [tabindex]").length !== places.length) return;
  now.replaceChildren(...body.children);
  [...now.querySelectorAll("details")].forEach((one, place) => (one.open = Boolean(open[place])));
  if (at >= 0) now.querySelectorAll("a, summary, [tabindex]")[at].focus({ preventScroll: true });
}

function turn() {
  clearInterval(waiting);
  if (!document.hidden) {
    waiting = setInterval(look, EVERY);
  }
}

document.addEventListener("visibilitychange", () => {
  turn();
  look();
});
turn();
