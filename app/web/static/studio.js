// The desk: the preview follows what is typed, drafts are saved as one types, and what could not be saved is kept here.

import { ask } from "./console.js";

const desk = document.getElementById("desk");
const at = (id) => document.getElementById(id);
const writes = desk.hasAttribute("data-writes");
const body = at("body");
const frame = at("frame");
const status = at("saving");
document.documentElement.classList.add("scripted");

// ---- What the form says -------------------------------------------------------------------------------------------

const texts = () => [...desk.querySelectorAll("[name^='f.'], [name='body'], [name^='v.']")];
const stateNow = () => Object.fromEntries(texts().map((one) => [one.name, one.value]));
const alike = (one, other) => Object.keys({ ...one, ...other }).every((name) => one[name] === other[name]);
const form = () => {
  const made = new FormData(desk);
  for (const one of texts()) made.set(one.name, one.value);
  return made;
};

// ---- The preview --------------------------------------------------------------------------------------------------

/** Lay another mail into the frame without moving what is read: the document stays, only what is in it is replaced. */
function lay(html) {
  const inside = frame.contentDocument;
  const view = frame.contentWindow;
  const top = inside.scrollingElement?.scrollTop ?? 0;
  const fresh = new view.DOMParser().parseFromString(html, "text/html");
  inside.replaceChild(inside.adoptNode(fresh.documentElement), inside.documentElement);
  if (inside.scrollingElement) inside.scrollingElement.scrollTop = top;
}

let looking = 0;
async function look() {
  const turn = ++looking;
  let told;
  try {
    told = await ask(desk.dataset.look, form());
  } catch (error) {
    if (turn === looking && error.status) say(at("wrong"), error.message);
    return;
  }
  if (turn !== looking) return;
  say(at("wrong"), told.wrong);
  if (told.wrong) return;
  at("note").textContent = told.note;
  for (const part of at("seen").querySelectorAll("[lang]")) {
    part.lang = desk.elements.locale.value || at("body").lang;
  }
  if (at("bubble")) return weigh(told);
  at("subject").textContent = told.subject;
  at("preheader").textContent = told.preheader;
  at("letter").textContent = told.text;
  lay(told.html);
  mark();
}

function say(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

/** An SMS: its letters with those that make it dear marked, and what it costs. */
function weigh(told) {
  const { size, text } = told;
  const odd = new Set(size.strangers.map((one) => one.letter));
  at("bubble").replaceChildren(
    ...[...text].map((letter) => {
      if (!odd.has(letter)) return document.createTextNode(letter);
      const marked = document.createElement("mark");
      marked.textContent = letter;
      return marked;
    }),
  );
  at("bubble").normalize();
  const many = size.segments === 1 ? "1 segment" : `${size.segments} segments`;
  at("cost").replaceChildren(state(many, size.segments === 1 ? "good" : "warn"), ` ${size.letters} of ${size.room} letters, ${size.encoding}`);
  at("strangers").replaceChildren(
    ...size.strangers.map((one, number) => {
      const dear = number === 0 && size.segments > size.without ? `: ${size.segments} segments instead of ${size.without}` : "";
      const item = document.createElement("li");
      item.className = "warning";
      item.textContent = `“${one.letter}” (${one.name}) is not in the SMS alphabet${dear}.`;
      return item;
    }),
  );
  strange = odd;
  reflect();
}

/** A word with its shape, as the server writes it. */
function state(word, kind) {
  const made = document.querySelector(`template[data-state="${kind}"]`).content.firstElementChild.cloneNode(true);
  made.lastChild.textContent = word;
  return made;
}

// ---- Findings, beside the line and in the preview -----------------------------------------------------------------

let found = [];
let strange = new Set();
let checking = 0;

async function check() {
  const turn = ++checking;
  try {
    const told = await ask(desk.dataset.check, form());
    if (turn !== checking) return;
    found = told.findings;
  } catch {
    return;
  }
  for (const list of desk.querySelectorAll("[data-marks]")) {
    list.replaceChildren(...found.filter((one) => one.part === list.dataset.marks || (list.dataset.marks === "" && !desk.querySelector(`[data-marks="${one.part}"]`))).map(finding));
  }
  reflect();
  mark();
}

function finding(one) {
  const item = document.createElement("li");
  item.className = one.severity;
  item.append(state(one.severity, one.severity === "error" ? "bad" : "warn"), " ");
  if (one.part === "body" && one.line) {
    const line = document.createElement("button");
    Object.assign(line, { type: "button", className: "line", textContent: `Line ${one.line}` });
    line.dataset.line = one.line;
    item.append(line, ": ");
  }
  item.append(`${one.path ? `${one.path}: ` : ""}${one.message}. ${one.remedy}`);
  return item;
}

/** The text once more behind the text, with the lines marked that something was found in. */
function reflect() {
  const mirror = at("mirror");
  if (!mirror) return;
  const lines = new Map(found.filter((one) => one.part === "body" && one.line).map((one) => [one.line, one.severity]));
  mirror.replaceChildren(
    ...body.value.split("\n").flatMap((line, number) => {
      const severity = lines.get(number + 1);
      const end = document.createTextNode("\n");
      if (severity && ![...strange].some((letter) => line.includes(letter))) {
        const marked = document.createElement("mark");
        marked.className = severity;
        marked.textContent = line || " ";
        return [marked, end];
      }
      if (!strange.size) return [document.createTextNode(line), end];
      return [...[...line].map((letter) => {
        if (!strange.has(letter)) return document.createTextNode(letter);
        const marked = document.createElement("mark");
        marked.textContent = letter;
        return marked;
      }), end];
    }),
  );
}

/** The longest run of plain words in a line: what of it can be found again in the message. */
function words(line) {
  const runs = line.replace(/\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}/g, "\u0000").replace(/[*_#>[\]()`]/g, "\u0000").split("\u0000");
  return runs.map((one) => one.trim()).sort((one, other) => other.length - one.length)[0] ?? "";
}

function mark() {
  for (const [id, part] of [["subject", "subject"], ["preheader", "preheader"]]) {
    at(id)?.classList.toggle("hit", found.some((one) => one.part === part));
  }
  const inside = frame?.contentDocument?.body;
  if (!inside) return;
  for (const one of inside.querySelectorAll("[data-found]")) {
    one.style.outline = "";
    delete one.dataset.found;
  }
  const lines = body.value.split("\n");
  for (const one of found) {
    const source = one.part === "body" && one.line ? lines[one.line - 1] : (desk.elements[`f.${one.part}`]?.value ?? "");
    const wanted = words(source ?? "");
    if (wanted.length < 4) continue;
    const walker = inside.ownerDocument.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const place = walker.currentNode.parentElement;
      if (!walker.currentNode.data.replace(/\s+/g, " ").includes(wanted) || place.closest("style, title")) continue;
      place.dataset.found = one.severity;
      place.style.outline = `2px dashed ${one.severity === "error" ? "#d0342c" : "#c98a1b"}`;
      break;
    }
  }
}

// ---- Drafts, and what could not be saved --------------------------------------------------------------------------

const key = `doorstep:draft:${desk.dataset.journal}`;
const journal = {
  read() {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  },
  write(entry) {
    try {
      localStorage.setItem(key, JSON.stringify(entry));
    } catch {
      // A full or forbidden store: the text stands in the form still, and the draft is saved as soon as it can be.
    }
  },
  drop() {
    try {
      localStorage.removeItem(key);
    } catch {
      // As above.
    }
  },
};

let saved = stateNow();
let saving = false;
let waits = 0;
let later = 0;
let clash = false;

function tell(text, kind = "") {
  if (!status) return;
  status.textContent = text;
  status.className = kind || "muted";
}

async function save() {
  window.clearTimeout(later);
  if (!writes || saving || clash || desk.dataset.manual !== undefined) return;
  const now = stateNow();
  if (alike(now, saved)) return;
  saving = true;
  tell("Saving…");
  try {
    const told = await ask(desk.dataset.save, form());
    desk.elements.seen.value = told.seen;
    const discard = document.querySelector("#discard [name='seen']");
    if (discard) discard.value = told.seen;
    saved = now;
    waits = 0;
    if (told.revision) at("standing").replaceChildren(state("draft", "warn"));
    if (alike(stateNow(), saved)) journal.drop();
    else remember();
    tell(`Saved as a draft, ${told.saved}.`, "kept");
  } catch (error) {
    stumble(error);
  } finally {
    saving = false;
  }
  if (!clash && !alike(stateNow(), saved) && waits === 0) plan(800);
}

function stumble(error) {
  if (error.status === 409) {
    clash = true;
    tell("Somebody else saved another draft meanwhile. Yours is kept here: press “Save draft” to see both.", "lost");
  } else if (error.status === 422) {
    tell(`Not saved: ${error.message}`, "lost");
    waits = 1;
  } else if (error.status === 401) {
    tell("Not saved: you are signed out. Your text is kept in this browser; sign in in another tab, then go on here.", "lost");
    retry();
  } else if (error.status === 403) {
    tell("Not saved: open the page anew. Your text is kept in this browser.", "lost");
    waits = 1;
  } else {
    tell("Not saved, trying again. Your text is kept in this browser.", "lost");
    retry();
  }
}

function retry() {
  waits = Math.min(waits + 1, 5);
  plan(1000 * 2 ** waits);
}

function plan(milliseconds) {
  window.clearTimeout(later);
  later = window.setTimeout(save, milliseconds);
}

function remember() {
  if (writes) journal.write({ at: Date.now(), seen: desk.elements.seen.value, text: stateNow() });
}

/** What was typed here once and never reached the server is offered again, beside what stands there now. */
function offer() {
  const kept = journal.read();
  if (!writes || !kept?.text || alike(kept.text, saved)) return journal.drop();
  const notice = at("journal");
  const when = new Date(kept.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const list = document.createElement("dl");
  list.className = "facts diff";
  for (const name of Object.keys(kept.text)) {
    if (kept.text[name] === saved[name]) continue;
    const rows = differing((saved[name] ?? "").split("\n"), kept.text[name].split("\n"));
    const term = document.createElement("dt");
    term.textContent = name.replace(/^[fv]\./, "");
    const told = document.createElement("dd");
    for (const [kind, line] of rows) {
      const row = document.createElement(kind);
      row.textContent = line || " ";
      told.append(row, document.createElement("br"));
    }
    const pair = document.createElement("div");
    pair.append(term, told);
    list.append(pair);
  }
  const restore = button("Put my text back", () => {
    for (const one of texts()) if (one.name in kept.text) put(one, kept.text[one.name]);
    desk.elements.seen.value = kept.seen;
    notice.hidden = true;
    changed();
  });
  const drop = button("Throw it away", () => {
    journal.drop();
    notice.hidden = true;
  });
  const details = document.createElement("details");
  details.open = true;
  const summary = document.createElement("summary");
  summary.textContent = "What differs";
  details.append(summary, list);
  const bar = document.createElement("span");
  bar.className = "bar";
  bar.append(restore, drop);
  notice.replaceChildren(`You typed something here that was not saved (${when}).`, details, bar);
  notice.hidden = false;
}

function button(word, act) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: "button quiet", textContent: word });
  made.addEventListener("click", act);
  return made;
}

/** Lines that went (`del`) and came (`ins`): what both begin and end with is left out. */
function differing(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [
    ...before.slice(start, before.length - end).map((line) => ["del", line]),
    ...after.slice(start, after.length - end).map((line) => ["ins", line]),
  ];
}

function put(field, value) {
  field.value = value;
  grow(field);
}

// ---- Typing -------------------------------------------------------------------------------------------------------

let looks = 0;
let checks = 0;

function changed() {
  if (!alike(stateNow(), saved)) {
    remember();
    if (!clash && waits === 0) tell("Typing…");
    if (waits < 2) {
      if (waits === 1) waits = 0;
      plan(1200);
    }
  }
  reflect();
  window.clearTimeout(looks);
  window.clearTimeout(checks);
  looks = window.setTimeout(look, 250);
  checks = window.setTimeout(check, 900);
}

function grow(field) {
  if (!field.hasAttribute("data-grows") || CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

let last = body;
desk.addEventListener("focusin", ({ target }) => {
  if (texts().includes(target)) last = target;
});
desk.addEventListener("input", ({ target }) => {
  if (target.matches("[data-looks]") || target.matches("[data-aside]")) return;
  grow(target);
  changed();
});
desk.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-looks]")) return;
  const phone = at("phone");
  if (phone) for (const name of ["dark", "desktop", "plain"]) phone.classList.toggle(name, desk.elements[name].checked);
  const address = new URL(location.href);
  for (const one of desk.querySelectorAll("[data-looks]")) {
    const value = one.type === "checkbox" ? (one.checked ? "1" : "") : one.value;
    if (value) address.searchParams.set(one.name, value);
    else address.searchParams.delete(one.name);
  }
  history.replaceState(null, "", address);
  look();
});
desk.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("[data-looks], [data-aside]") && event.target.tagName === "INPUT") {
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "s" && writes) {
    event.preventDefault();
    save();
  }
});

desk.addEventListener("click", async (event) => {
  const pick = event.target.closest("[data-insert]");
  if (pick) {
    const field = pick.dataset.into ? at(pick.dataset.into) : last;
    if (!field) return;
    field.focus();
    field.setRangeText(pick.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    grow(field);
    changed();
  }
  const line = event.target.closest("[data-line]");
  if (line) {
    const lines = body.value.split("\n");
    const start = lines.slice(0, line.dataset.line - 1).join("\n").length + (line.dataset.line > 1 ? 1 : 0);
    body.focus();
    body.setSelectionRange(start, start + (lines[line.dataset.line - 1] ?? "").length);
  }
  if (event.target.id === "test") {
    event.preventDefault();
    const place = at("tested");
    event.target.disabled = true;
    place.textContent = "Sending…";
    try {
      place.textContent = (await ask(desk.dataset.test, form())).said;
    } catch (error) {
      place.textContent = error.message;
    }
    event.target.disabled = false;
  }
});

at("onward")?.addEventListener("click", async (event) => {
  if (alike(stateNow(), saved)) return;
  event.preventDefault();
  const onward = event.currentTarget.href;
  await save();
  if (alike(stateNow(), saved)) location.href = onward;
});
at("fieldsearch")?.addEventListener("input", ({ target }) => {
  const wanted = target.value.trim().toLowerCase();
  for (const one of at("fields").querySelectorAll("[data-name]")) one.hidden = !one.dataset.name.toLowerCase().includes(wanted);
});
desk.addEventListener("submit", async (event) => {
  remember();
  if (!writes || clash) return; // the page that follows shows both texts
  event.preventDefault();
  waits = 0;
  if (alike(stateNow(), saved)) {
    journal.drop();
    tell("Nothing is left to save.", "kept");
  }
  await save();
});
window.addEventListener("online", () => {
  waits = 0;
  save();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") save();
});

for (const field of texts()) grow(field);
reflect();
offer();
if (desk.querySelector(".marks li")) check();
