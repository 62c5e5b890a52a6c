// The desk: the preview follows what is typed, drafts are saved as one types, and what could not be saved is kept here.

import { ask } from "./console.js";
import { keeper } from "./keeping.js";

const desk = document.getElementById("desk");
const at = (id) => document.getElementById(id);
const writes = desk.hasAttribute("data-writes");
const body = at("body");
const frame = at("frame");
document.documentElement.classList.add("scripted");

// ---- What the form says -------------------------------------------------------------------------------------------

const texts = () => [...desk.querySelectorAll("[name^='f.'], [name='body'], [name^='v.']")];
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

/** At most one request of a kind is on its way; what was typed meanwhile is asked once, when it has come back. */
function inTurn(act) {
  let running = false;
  let wanted = false;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    try {
      while (wanted) {
        wanted = false;
        await act();
      }
    } finally {
      running = false; // what went wrong once is tried again at the next word
    }
  };
}

const look = inTurn(async () => {
  let told;
  try {
    told = await ask(desk.dataset.look, form());
  } catch (error) {
    if (error.status) say(at("wrong"), error.message);
    return;
  }
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
});

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

const check = inTurn(async () => {
  let told;
  try {
    told = await ask(desk.dataset.check, form());
  } catch {
    return;
  }
  found = told.findings;
  if (told.needs !== null) need(told.needs);
  for (const list of desk.querySelectorAll("[data-marks]")) {
    list.replaceChildren(...found.filter((one) => one.part === list.dataset.marks || (list.dataset.marks === "" && !desk.querySelector(`[data-marks="${one.part}"]`))).map(finding));
  }
  reflect();
  mark();
});

/** The list of what the text needs, as the server writes it. Whether it stands open is its reader's choice. */
let needed = "";
function need(html) {
  const list = at("needs");
  if (!list || html === needed) return;
  needed = html;
  list.hidden = !html;
  list.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
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

const keeping = keeper(desk, {
  texts,
  sent: form,
  saved(told) {
    if (told.revision) at("standing").replaceChildren(state("draft", "warn"));
  },
  restored(fields) {
    for (const one of fields) grow(one);
    changed();
  },
});

// ---- Typing -------------------------------------------------------------------------------------------------------

let looks = 0;
let checks = 0;

function changed() {
  keeping.typed();
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
  if (phone) for (const name of ["dark", "desktop", "plain"]) phone.classList.toggle(name, Boolean(desk.elements[name]?.checked));
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
    keeping.save();
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

at("fieldsearch")?.addEventListener("input", ({ target }) => {
  const wanted = target.value.trim().toLowerCase();
  for (const one of at("fields").querySelectorAll("[data-name]")) one.hidden = !one.dataset.name.toLowerCase().includes(wanted);
});
for (const field of texts()) grow(field);
reflect();
keeping.offer();
if (desk.querySelector(".marks li")) check();
