// What can be written at a place of the rules: keys and words of the JSON Schema, the names that exist, and in
// conditions the fields of the facts. Pure: text and place in, offers out.

const WORD = /[\p{L}\p{N}_.*/-]*$/u;
const KEY = /^(\s*)(- +)?("?)([A-Za-z_][\w]*)\3\s*:(?:\s|$)/;

/** Offers for the text before `at`: [{ put, label, note, from }], the best first; `from` is where the word begins. */
export function offers(text, at, words) {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const before = text.slice(lineStart, at);
  if (/^\s*#/.test(before)) return [];
  const word = WORD.exec(before)[0].replace(/^-+/, "");
  const from = at - word.length;
  const place = placeOf(text, lineStart, before.slice(0, before.length - word.length));
  const found = [...candidates(place, words)];
  const low = word.toLowerCase();
  const starts = found.filter((one) => one.label.toLowerCase().startsWith(low));
  const holds = found.filter((one) => low && !starts.includes(one) && one.label.toLowerCase().includes(low));
  return [...starts, ...holds]
    .filter((one) => one.put.trimEnd() !== word || starts.length + holds.length > 1)
    .slice(0, 60)
    .map((one) => ({ ...one, from }));
}

/** Where one writes: the keys above (`path`, lists as "[]"), and what: a `key`, or a `value` of the last key. */
export function placeOf(text, lineStart, head) {
  const path = pathAbove(text, lineStart, indentOf(head));
  let rest = head;
  const item = /^(\s*)((?:- +)+)/.exec(rest);
  if (item) {
    rest = rest.slice(item[0].length);
    if (path.at(-1) !== "[]") path.push("[]");
  } else {
    rest = rest.trimStart();
  }
  const key = /^("?)([A-Za-z_]\w*)\1\s*:(\s|$)/.exec(rest);
  if (key) {
    path.push(key[2]);
    rest = rest.slice(key[0].length);
    if (key[2] === "if") return { path, what: "value", quoted: rest };
    return inFlow(path, rest);
  }
  if (path.includes("if")) return { path: path.slice(0, path.indexOf("if") + 1), what: "value", quoted: rest };
  return { ...inFlow(path, rest, true), item: item !== null };
}

/** The place within brackets on one line: `{channel: email, template: ` or `[email, `. */
function inFlow(path, rest, bare = false) {
  const at = [...path];
  let key = bare;
  const open = [];
  let word = "";
  let quote = "";
  for (const sign of rest) {
    if (quote) {
      if (sign === quote) quote = "";
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "{" || sign === "[") {
      open.push({ sign, depth: at.length });
      if (sign === "[") at.push("[]");
      key = sign === "{";
      word = "";
    } else if (sign === "}" || sign === "]") {
      const last = open.pop();
      if (!last) return { path, what: "none" };
      at.length = last.depth;
      key = false;
      word = "";
    } else if (sign === ":" && open.at(-1)?.sign === "{") {
      at.length = open.at(-1).depth;
      at.push(word.trim());
      key = false;
      word = "";
    } else if (sign === "," && open.length) {
      at.length = open.at(-1).depth + (open.at(-1).sign === "[" ? 1 : 0);
      key = open.at(-1).sign === "{";
      word = "";
    } else word += sign;
  }
  if (word.trim()) return { path, what: "none" };
  return { path: at, what: key ? "key" : "value", flow: open.length > 0 };
}

function indentOf(head) {
  const found = /^(\s*)((?:- +)*)/.exec(head);
  return { own: found[1].length, whole: found[0].length, item: found[2] !== "" };
}

/** The keys under which a line stands, by the indentation of the lines above. */
function pathAbove(text, lineStart, indent) {
  const path = [];
  // A list may stand as deep as the key that it belongs to, so keys and items are looked for below different depths.
  let keys = indent.item ? indent.own + 1 : indent.whole;
  let items = indent.item ? indent.own : indent.whole;
  const lines = text.slice(0, Math.max(lineStart - 1, 0)).split("\n");
  for (let at = lines.length - 1; at >= 0 && keys > 0; at--) {
    const line = lines[at];
    if (!line.trim() || /^\s*#/.test(line)) continue;
    const own = /^\s*/.exec(line)[0].length;
    const dash = /^\s*((?:- +)+)/.exec(line);
    const key = KEY.exec(line);
    if (dash && own < items) {
      const deep = dash[0].length;
      if (key && deep < keys && !/:\s*\S/.test(line.slice(deep))) path.unshift(key[4]);
      path.unshift("[]");
      items = own;
      keys = own + 1;
    } else if (!dash && own < keys && key) {
      path.unshift(key[4]);
      keys = items = own;
    }
  }
  return path;
}

function* candidates(place, words) {
  if (place.what === "none") return;
  const last = place.path.at(-1);
  if (last === "if") {
    yield* inCondition(place.quoted, words);
    return;
  }
  const schemas = place.path.reduce((now, step) => now.flatMap((one) => below(one, step)), [words.schema]);
  const own = schemas.flatMap(ways);
  if (place.what === "key") {
    const seen = new Set();
    for (const one of own) {
      for (const [key, value] of Object.entries(one.properties ?? {})) {
        if (seen.has(key)) continue;
        seen.add(key);
        const must = (one.required ?? []).includes(key);
        yield { put: `${key}: `, label: key, note: (must ? "needed. " : "") + (value.description ?? "") };
      }
    }
    if (place.path.at(-1) === "[]" && place.item && !place.flow) yield* values(place, own.filter((one) => !one.properties), words);
    return;
  }
  yield* values(place, own, words);
}

function* values(place, schemas, words) {
  const name = place.path.at(-1) === "[]" ? place.path.at(-2) : place.path.at(-1);
  const named = { template: templates(words), carrier: words.carriers, country: words.countries, brand: [words.brand] }[name];
  for (const one of named ?? []) yield { put: one, label: one, note: name };
  const seen = new Set(named);
  for (const schema of schemas) {
    const said = schema.enum ?? (schema.const !== undefined ? [schema.const] : schema.examples ?? []);
    for (const value of said) {
      const text = String(value);
      if (seen.has(text)) continue;
      seen.add(text);
      const note = schema.enum ? "" : schema.examples ? "for example" : "";
      yield { put: /^\d\d:/.test(text) ? `"${text}"` : text, label: text, note };
    }
    if (schema.properties && place.what === "value") {
      for (const [key, value] of Object.entries(schema.properties)) {
        if (place.flow && !seen.has(`{${key}`)) {
          seen.add(`{${key}`);
          yield { put: `{${key}: `, label: `{${key}: }`, note: value.description ?? "" };
        }
      }
    }
  }
}

function templates(words) {
  return [...new Set(Object.values(words.templates).flat())].sort();
}

/** In a condition: within a text the words of the field beside it, else the fields themselves. */
function* inCondition(head, words) {
  const text = /([\w.]+)(?:\(\))?\s*(?:[=!]=|in\s*\[[^\]]*)\s*"[^"]*$/.exec(head) ?? /\.(get\w+)\("[^"]*$/.exec(head);
  if (!text) {
    if ((head.match(/"/g) ?? []).length % 2 === 0) yield* fields(words);
    return;
  }
  const field = text[1].split(".").at(-1);
  for (const one of words.spoken[/^get/.test(field) ? "zone" : field] ?? []) yield { put: one, label: one, note: field };
}

function* fields(words) {
  for (const [path, kind] of words.fields) yield { put: path, label: path, note: kind };
  for (const [put, note] of [
    ["has(", "whether something is known"],
    ['duration("4h")', "a span of time"],
    [".exists(one, ", "whether one of a list is so"],
    [".startsWith(", "how a text begins"],
    [".contains(", "what a text holds"],
  ]) yield { put, label: put, note };
}

/** A schema's own ways of being: itself, or each of its `anyOf`. */
function ways(schema) {
  return schema.anyOf ? schema.anyOf.flatMap(ways) : [schema];
}

function below(schema, step) {
  return ways(schema).flatMap((one) => {
    if (step === "[]") return one.items ? [one.items] : [];
    return one.properties?.[step] ? [one.properties[step]] : [];
  });
}
