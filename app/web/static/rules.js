// The editor of the rules: numbered lines, faults at their line, offers from the schema, and a draft that is kept while
// one types. Without this script the same form is saved and checked by its buttons.

import { ask } from "./console.js";
import { offers } from "./rules_complete.js";

const LINE = 20;
const PAUSE = 450;
const AGAIN = 5000;

const form = document.getElementById("desk");
const text = form.elements.content;
const saved = document.getElementById("saved");
let faults = readFaults();
let busy = false;
let wanted = false;
let timer = 0;
let kept = text.defaultValue; // somebody may have typed before this script had come
let stopped = false;

/* Numbered lines */

const gutter = document.createElement("div");
gutter.className = "gutter";
gutter.setAttribute("aria-hidden", "true");
const numbers = gutter.appendChild(document.createElement("div"));
text.parentElement.classList.add("numbered");
text.parentElement.append(gutter);
let drawn = "";

function draw() {
  const lines = text.value.split("\n").length;
  const wrong = new Set(faults.map((one) => Math.min(one.line ?? 1, lines)));
  const here = text.value.slice(0, text.selectionStart).split("\n").length;
  const next = `${lines} ${here} ${[...wrong].join()}`;
  if (next !== drawn) {
    drawn = next;
    numbers.replaceChildren(
      ...Array.from({ length: lines }, (_, at) => {
        const one = document.createElement("span");
        one.textContent = wrong.has(at + 1) ? `! ${at + 1}` : at + 1;
        one.className = wrong.has(at + 1) ? "wrong" : at + 1 === here ? "here" : "";
        return one;
      }),
    );
  }
  numbers.style.transform = `translateY(${-text.scrollTop}px)`;
}

function readFaults() {
  return [...document.querySelectorAll("#faults [data-line]")].map((one) => ({ line: Number(one.dataset.line) }));
}

function go(line, at = 1) {
  const lines = text.value.split("\n").slice(0, line - 1);
  const place = Math.min(lines.reduce((sum, one) => sum + one.length + 1, 0) + at - 1, text.value.length);
  text.focus();
  text.setSelectionRange(place, place);
  text.scrollTop = Math.max(0, (line - 6) * LINE);
  draw();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  if (!link) return;
  event.preventDefault();
  go(Number(link.dataset.line), Number(link.dataset.at ?? 1));
});

/* Kept and checked while one types */

function later(wait = PAUSE) {
  clearTimeout(timer);
  timer = setTimeout(check, wait);
}

async function check() {
  if (stopped) return;
  if (busy) {
    wanted = true;
    return;
  }
  const content = text.value;
  busy = true;
  say("Saving …");
  try {
    const told = await ask(form.dataset.check, {
      content,
      based_on: form.elements.based_on.value,
      revision: Number(form.elements.revision.value),
    });
    form.elements.revision.value = told.revision;
    kept = content;
    show(told);
    say(told.faults.length ? "Saved, with faults" : "Saved");
    if (told.behind && !document.querySelector(".behind")) {
      say("Saved. Others published meanwhile: open this page anew to see what.", true);
    }
  } catch (error) {
    if (error.status === 409) {
      stopped = true;
      say("Not saved: another window has changed this draft. Press Save to see what differs.", true);
    } else if (error.status === 401) {
      say("Not saved: you are signed out. Sign in in another window; this text stays here.", true);
      later(AGAIN);
    } else if (error.status >= 400 && error.status < 500) {
      say(`Not saved: ${error.message}`, true);
    } else {
      say("Not saved: no connection. It is tried again; keep this window open.", true);
      later(AGAIN);
    }
  } finally {
    busy = false;
    if (wanted) {
      wanted = false;
      later(50);
    }
  }
}

function say(words, lost = false) {
  saved.classList.toggle("lost", lost);
  saved.textContent = words;
}

function element(name, words = "", given = {}) {
  const one = Object.assign(document.createElement(name), { textContent: words });
  for (const [key, value] of Object.entries(given)) one.setAttribute(key, value);
  return one;
}

function show(told) {
  faults = told.faults;
  const lines = text.value.split("\n");
  const title = document.getElementById("faults-title");
  const count = faults.length ? `${faults.length} ${faults.length === 1 ? "fault" : "faults"}` : "No fault";
  if (title.textContent !== count) title.textContent = count;
  document.querySelector("#faults .faults").replaceChildren(
    ...faults.map((one) => {
      const line = element("li");
      const where = `Line ${one.line ?? 1}${one.at ? `, column ${one.at}` : ""}`;
      line.append(
        element("a", where, { href: "#content", "data-line": one.line ?? 1, "data-at": one.at ?? 1 }),
        " ",
        element("code", one.field),
        `: ${one.problem}. ${one.remedy}`,
      );
      const there = (lines[(one.line ?? 0) - 1] ?? "").slice(0, 200);
      if (there) line.append(element("pre", there));
      return line;
    }),
  );
  text.toggleAttribute("aria-invalid", false);
  if (faults.length) text.setAttribute("aria-invalid", "true");
  const kinds = document.getElementById("kinds").content;
  const changes = document.getElementById("changes");
  changes.replaceChildren(
    ...(told.changes ?? []).map(([name, what]) => {
      const line = element("li");
      line.append(kinds.querySelector(`[data-kind="${what}"]`).firstElementChild.cloneNode(true), ` ${name}`);
      return line;
    }),
  );
  if (!changes.children.length) {
    changes.append(element("li", told.changes ? "Nothing yet." : "Mend the faults to see it.", { class: "muted" }));
  }
  const sentences = document.getElementById("sentences");
  const unread = faults.length > 0 && told.rules.length === 0;
  sentences.classList.toggle("old", unread);
  document.getElementById("says").textContent = unread ? "What it said before the faults" : "What it says";
  if (!unread) sentences.replaceChildren(
    ...told.rules.map((one) => {
      const line = element("li");
      const head = element("header");
      head.append(element("h3", one.name));
      if (one.line) head.append(element("a", `line ${one.line}`, { href: "#content", class: "muted", "data-line": one.line }));
      const words = element("p");
      words.append(...one.parts.map(([part, mark]) => (mark ? element(mark, part) : part)));
      line.append(head, words);
      return line;
    }),
  );
  draw();
}

/* Offers */

let words = null;
let early = false;
fetch(form.dataset.words, { headers: { Accept: "application/json" } })
  .then((answer) => (answer.ok ? answer.json() : null))
  .then((told) => {
    words = told;
    if (early && document.activeElement === text) offer(false); // somebody typed before the words had come
  })
  .catch(() => (words = null));

const list = element("div", "", { class: "offers", role: "listbox", id: "offers", "aria-label": "What can be written here" });
list.hidden = true;
text.parentElement.append(list);
text.setAttribute("aria-autocomplete", "list");
text.setAttribute("aria-controls", "offers");
const spoken = element("p", "", { class: "unseen", role: "status" });
text.parentElement.append(spoken);
let offered = [];
let chosen = 0;
let wide = 0;

function measure() {
  if (wide) return wide;
  const probe = element("span", "0".repeat(100));
  probe.className = "mono probe";
  probe.style.font = getComputedStyle(text).font;
  probe.style.position = "absolute";
  probe.style.visibility = "hidden";
  document.body.append(probe);
  wide = probe.getBoundingClientRect().width / 100;
  probe.remove();
  return wide;
}

function offer(asked) {
  early = !words;
  if (!words || text.selectionStart !== text.selectionEnd) return close();
  const at = text.selectionStart;
  const line = text.value.slice(text.value.lastIndexOf("\n", at - 1) + 1, at);
  offered = asked || /[\w.]$/.test(line) ? offers(text.value, at, words) : [];
  if (!offered.length) {
    if (asked) spoken.textContent = "Nothing to offer here.";
    return close();
  }
  chosen = 0;
  list.replaceChildren(
    ...offered.map((one, place) => {
      const row = element("div", "", { role: "option", id: `offer-${place}`, "aria-selected": "false" });
      row.append(element("b", one.label));
      if (one.note) row.append(element("small", one.note));
      row.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        take(place);
      });
      return row;
    }),
  );
  list.hidden = false;
  lay();
  mark();
}

/** How far below the top of the editor the line ends that the caret is in. */
const foot = () => 10 + text.value.slice(0, text.selectionStart).split("\n").length * LINE - text.scrollTop;

/** Lay the list under the word that it is about, or above it. */
function lay() {
  const column = offered[0].from - (text.value.lastIndexOf("\n", offered[0].from - 1) + 1);
  const below = foot();
  const left = 56 + column * measure() - text.scrollLeft;
  const room = text.clientHeight - below;
  list.style.top = room > 140 || below < 280 ? `${below}px` : `${below - LINE - 4 - Math.min(264, list.offsetHeight)}px`;
  list.style.left = `${Math.max(8, Math.min(left, text.clientWidth - list.offsetWidth - 8))}px`;
}

function mark() {
  [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
  text.setAttribute("aria-activedescendant", `offer-${chosen}`);
  list.children[chosen].scrollIntoView({ block: "nearest" });
  const one = offered[chosen];
  spoken.textContent = `${one.label}${one.note ? `, ${one.note}` : ""}, ${chosen + 1} of ${offered.length}`;
}

function close() {
  if (list.hidden) return;
  list.hidden = true;
  offered = [];
  text.removeAttribute("aria-activedescendant");
  spoken.textContent = "";
}

function put(words_, from, to) {
  text.setRangeText(words_, from, to, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Whether an offer stands there already, so that Enter means a new line. */
function written(one) {
  return text.value.slice(one.from, text.selectionStart) === one.put.trimEnd();
}

function take(place) {
  const one = offered[place];
  close();
  put(one.put, one.from, text.selectionStart);
  close();
}

/* Keys */

let indents = false;

function indent(back) {
  const start = text.value.lastIndexOf("\n", text.selectionStart - 1) + 1;
  const end = text.selectionEnd;
  const block = text.value.slice(start, end);
  if (!back && text.selectionStart === end) return put("  ", end, end);
  const moved = back ? block.replace(/^ {1,2}/gm, "") : block.replace(/^/gm, "  ");
  text.setRangeText(moved, start, end, "select");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

text.addEventListener("keydown", (event) => {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.ctrlKey && event.key === " ") {
    event.preventDefault();
    offer(true);
  } else if (event.ctrlKey && event.key.toLowerCase() === "m") {
    event.preventDefault();
    indents = !indents;
    say(indents ? "Tab indents now; Escape, or Ctrl+M, gives it back." : "Tab goes on now.");
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    clearTimeout(timer);
    check();
  } else if (!list.hidden && plain && ["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(event.key)) {
    event.preventDefault();
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    chosen = Math.abs(step) === 1 ? (chosen + step + offered.length) % offered.length : Math.max(0, Math.min(offered.length - 1, chosen + step));
    mark();
  } else if (!list.hidden && plain && event.key === "Enter" && !written(offered[chosen])) {
    event.preventDefault();
    take(chosen);
  } else if (event.key === "Escape") {
    if (!list.hidden) event.stopPropagation();
    close();
    if (indents) {
      indents = false;
      say("Tab goes on now.");
    }
  } else if (event.key === "Tab" && plain && indents) {
    event.preventDefault();
    indent(event.shiftKey);
  } else if (event.key === "Enter" && plain && !event.shiftKey) {
    close();
    const at = text.selectionStart;
    const line = text.value.slice(text.value.lastIndexOf("\n", at - 1) + 1, at);
    const deep = /^ */.exec(line)[0] + (/^\s*- \S/.test(line) ? "  " : "") + (/:\s*$/.test(line) ? "  " : "");
    if (deep) {
      event.preventDefault();
      put(`\n${deep}`, at, text.selectionEnd);
      text.scrollTop = Math.max(text.scrollTop, text.value.slice(0, at).split("\n").length * LINE + 60 - text.clientHeight);
    }
  }
});

text.addEventListener("input", (event) => {
  draw();
  later();
  if (event.inputType !== undefined && event.inputType !== "insertText" && !event.inputType.startsWith("delete")) close();
  else if (event.inputType === "insertText" || !list.hidden) offer(false);
});
text.addEventListener("scroll", () => {
  // A line that is typed at the foot scrolls by itself, and is told of it only later: the list goes along.
  if (!list.hidden && foot() >= LINE && foot() <= text.clientHeight + LINE) lay();
  else close();
  draw();
});
text.addEventListener("blur", close);
text.addEventListener("keyup", draw);
text.addEventListener("click", () => {
  close();
  draw();
});

form.addEventListener("submit", (event) => {
  clearTimeout(timer);
  if (!busy) {
    stopped = true;
    return;
  }
  // What is being saved gives the form another revision: the button waits for it.
  event.preventDefault();
  const { submitter } = event;
  wanted = false;
  const until = setInterval(() => {
    if (busy) return;
    clearInterval(until);
    clearTimeout(timer);
    form.requestSubmit(submitter);
  }, 30);
});

window.addEventListener("beforeunload", (event) => {
  if (text.value !== kept && !form.dataset.sent) event.preventDefault();
});
for (const one of document.querySelectorAll(".scripted")) one.hidden = false;
for (const one of document.querySelectorAll(".unscripted")) one.hidden = true;
draw();
if (text.value !== kept) later();
