// The brand's page: colours show as they are picked, with how well they can be read, two mails follow, and what is
// typed is a draft as one types.

import { ask } from "./console.js";
import { keeper } from "./keeping.js";

const form = document.getElementById("brand");
const least = Number(form.dataset.least);
const dark = new URL(location.href).searchParams.has("dark");
const valid = (colour) => /^#[0-9a-f]{6}$/i.test(colour);
document.documentElement.classList.add("scripted");

/** WCAG 2.2, relative luminance and contrast ratio. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const part = parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const colour = (scheme, name) => form.elements[`v.colours.${scheme}.${name}`]?.value ?? "";

function weigh() {
  for (const item of form.querySelectorAll("[data-under]")) {
    const { scheme, text, under } = item.dataset;
    const [one, other] = [colour(scheme, text), colour(scheme, under)];
    const ratio = valid(one) && valid(other) ? contrast(one, other) : null;
    item.querySelector("b").textContent = ratio === null ? "–" : (Math.floor(ratio * 100) / 100).toFixed(2);
    item.classList.toggle("low", ratio === null || ratio < least);
  }
  for (const picker of form.querySelectorAll("[data-for]")) {
    const value = form.elements[picker.dataset.for].value;
    if (!valid(value)) continue;
    picker.value = value;
    picker.closest("td").previousElementSibling.querySelector("rect").setAttribute("fill", value);
  }
}

let turn = 0;
async function look() {
  const mine = ++turn;
  const wrong = document.getElementById("wrong");
  for (const frame of document.querySelectorAll("iframe[data-key]")) {
    const sent = new FormData(form);
    sent.set("key", frame.dataset.key);
    if (dark) sent.set("dark", "1");
    let told;
    try {
      told = await ask(form.dataset.look, sent);
    } catch {
      return;
    }
    if (mine !== turn) return;
    wrong.textContent = told.wrong;
    wrong.hidden = !told.wrong;
    if (told.wrong) return;
    const inside = frame.contentDocument;
    const top = inside.scrollingElement?.scrollTop ?? 0;
    const fresh = new frame.contentWindow.DOMParser().parseFromString(told.html, "text/html");
    inside.replaceChild(inside.adoptNode(fresh.documentElement), inside.documentElement);
    if (inside.scrollingElement) inside.scrollingElement.scrollTop = top;
  }
}

const keeping = keeper(form, {
  texts: () => [...form.querySelectorAll("[name^='v.']")],
  sent: () => new FormData(form),
  saved(told) {
    if (told.revision) document.getElementById("onward").hidden = false;
  },
  restored: changed,
});

let later = 0;
function changed() {
  keeping.typed();
  weigh();
  window.clearTimeout(later);
  later = window.setTimeout(look, 300);
}

form.addEventListener("input", ({ target }) => {
  if (target.dataset.for) form.elements[target.dataset.for].value = target.value.toUpperCase();
  changed();
});
weigh();
keeping.offer();
