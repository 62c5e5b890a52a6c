// Drafts are saved as one types; what could not be saved is kept in this browser, and offered again.

import { ask } from "./console.js";

const alike = (one, other) => Object.keys({ ...one, ...other }).every((name) => one[name] === other[name]);

/** What was typed and never reached the server, under one name in this browser. */
function journalOf(name) {
  const key = `doorstep:draft:${name}`;
  return {
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
}

/**
 * Keep a form's draft. The form says where (`data-save`) and under which name (`data-journal`), and whether its reader
 * writes at all (`data-writes`); `texts` gives its fields, `sent` what is posted, `saved` is told the answer, `restored`
 * the fields that were put back. Beside it stand `#saving`, `#journal` and `#onward`.
 */
export function keeper(form, { texts, sent, saved: told = () => {}, restored }) {
  const at = (id) => document.getElementById(id);
  const writes = form.hasAttribute("data-writes");
  const journal = journalOf(form.dataset.journal);
  const status = at("saving");
  const now = () => Object.fromEntries(texts().map((one) => [one.name, one.value]));
  let saved = now();
  let saving = false;
  let waits = 0;
  let later = 0;
  let clash = false;
  const settled = () => alike(now(), saved);

  function tell(text, kind = "") {
    if (!status) return;
    status.textContent = text;
    status.className = kind || "muted";
  }

  async function save() {
    window.clearTimeout(later);
    if (!writes || saving || clash) return;
    const state = now();
    if (alike(state, saved)) return;
    saving = true;
    tell("Saving…");
    try {
      const answer = await ask(form.dataset.save, sent());
      form.elements.seen.value = answer.seen;
      const discard = document.querySelector("#discard [name='seen']");
      if (discard) discard.value = answer.seen;
      saved = state;
      waits = 0;
      told(answer);
      if (settled()) {
        journal.drop();
        tell(`Saved as a draft, ${answer.saved}.`, "kept");
      } else {
        remember();
        tell("Typing…");
      }
    } catch (error) {
      stumble(error, state);
    } finally {
      saving = false;
    }
    if (!clash && !settled() && waits === 0) plan(800);
  }

  function stumble(error, state) {
    if (error.status === 409) {
      clash = true;
      tell("Somebody else saved another draft meanwhile. Yours is kept here: press “Save draft” to see both.", "lost");
    } else if (error.status === 422) {
      tell(`Not saved: ${error.message}`, "lost");
      waits = alike(now(), state) ? 1 : 0; // what was typed meanwhile may be right
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
    if (writes) journal.write({ at: Date.now(), seen: form.elements.seen.value, text: now() });
  }

  /** Something was typed: it is kept at once, and saved when the typing rests. */
  function typed() {
    if (settled()) return;
    remember();
    if (!clash && waits === 0) tell("Typing…");
    if (waits > 1) return;
    waits = 0;
    plan(1200);
  }

  /** What was typed here once and never reached the server is offered again, beside what stands there now. */
  function offer() {
    const kept = journal.read();
    if (!writes || !kept?.text || alike(kept.text, saved)) return journal.drop();
    const notice = at("journal");
    const when = new Date(kept.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const restore = button("Put my text back", () => {
      const back = texts().filter((one) => one.name in kept.text);
      for (const one of back) one.value = kept.text[one.name];
      form.elements.seen.value = kept.seen;
      notice.hidden = true;
      restored(back);
    });
    const drop = button("Throw it away", () => {
      journal.drop();
      notice.hidden = true;
    });
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.append(restore, drop);
    notice.replaceChildren(`You typed something here that was not saved (${when}).`, beside(kept.text, saved), bar);
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
  }

  form.addEventListener("submit", async (event) => {
    remember();
    if (!writes || clash) return; // the page that follows shows both texts
    event.preventDefault();
    waits = 0;
    if (settled()) {
      journal.drop();
      tell("Nothing is left to save.", "kept");
    }
    await save();
  });
  at("onward")?.addEventListener("click", async (event) => {
    if (settled()) return;
    event.preventDefault();
    const onward = event.currentTarget.href;
    await save();
    if (settled()) location.href = onward;
  });
  window.addEventListener("online", () => {
    waits = 0;
    save();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save();
  });

  return { typed, save, offer };
}

/** What was typed beside what stands there, field by field. */
function beside(typed, standing) {
  const list = document.createElement("dl");
  list.className = "facts diff";
  for (const name of Object.keys(typed)) {
    if (typed[name] === standing[name]) continue;
    const rows = differing((standing[name] ?? "").split("\n"), typed[name].split("\n"));
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
  const details = document.createElement("details");
  details.open = true;
  const summary = document.createElement("summary");
  summary.textContent = "What differs";
  details.append(summary, list);
  return details;
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
