// Today stays up to date while somebody looks: every ten seconds what has changed is put in place of what was there.

const EVERY = 10_000;
const LONGEST = 60_000;
const PATIENCE = 8_000;
const now = document.getElementById("now");
const asOf = document.getElementById("as-of");
let timer = 0;
let failures = 0;
let looking = false;
let wanted = false;

async function look() {
  if (document.hidden) return;
  if (looking) {
    wanted = true; // what is on its way may be older than what made somebody look
    return;
  }
  looking = true;
  wanted = false;
  try {
    const answer = await fetch(now.dataset.live, {
      headers: { Accept: "text/html" },
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) return leave();
    if (!answer.ok) throw new Error(String(answer.status));
    put(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    failures = 0;
    say("kept up to date");
  } catch {
    failures += 1;
    say("not up to date: there is no answer, trying again");
  } finally {
    looking = false;
  }
  if (wanted) look();
  else again();
}

/** Signed out, or no longer of this brand: what is shown stays, and says so. */
function leave() {
  clearTimeout(timer);
  document.removeEventListener("visibilitychange", turn);
  say("not up to date: you are signed out. Look again to sign in");
}

function say(text) {
  if (asOf.textContent !== text) asOf.textContent = text;
}

/** Each part that reads differently takes the place of the old one; when the parts are others, all of them do. */
function put(body) {
  const old = [...now.querySelectorAll("[data-part]")];
  const fresh = [...body.querySelectorAll("[data-part]")];
  if (names(old) !== names(fresh)) {
    if (!now.contains(document.activeElement)) now.replaceChildren(...body.children);
    return;
  }
  old.forEach((part, at) => {
    if (part.innerHTML !== fresh[at].innerHTML && !isSelected(part)) exchange(part, fresh[at]);
  });
}

const names = (parts) => parts.map((part) => part.dataset.part).join();

function isSelected(part) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

/** What was opened stays open, what was scrolled stays there, and what has the focus keeps it. */
function exchange(part, fresh) {
  const tables = [...part.querySelectorAll("details")].map((one) => one.open);
  const places = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const counts = [...part.querySelectorAll("b")].map((one) => one.textContent);
  const focused = stops(part).indexOf(document.activeElement);
  if (focused >= 0 && stops(part).length !== stops(fresh).length) return;
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((one, at) => (one.open = Boolean(tables[at])));
  part.querySelectorAll(".scroll").forEach((one, at) => (one.scrollLeft = places[at] ?? 0));
  if (part.matches(".counts")) {
    part.querySelectorAll("b").forEach((one, at) => one.classList.toggle("changed", one.textContent !== counts[at]));
  }
  if (focused >= 0) stops(part)[focused].focus({ preventScroll: true });
}

const stops = (part) => [...part.querySelectorAll("a, summary, [tabindex]")];

function again() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, Math.min(EVERY * 2 ** failures, LONGEST));
}

function turn() {
  clearTimeout(timer);
  look();
}

document.addEventListener("visibilitychange", turn);
again();
