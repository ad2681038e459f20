// The page: a bar at the top, the phones, and what is underneath.

import { h } from "./element.js";
import { phone } from "./phone.js";
import { ask, changed, choices, drawInto, listen, onChange, world } from "./state.js";
import { underneath } from "./underneath.js";
import { language, languages, say } from "./words.js";

/** How many phones are shown unless somebody chose otherwise. */
const USUALLY = 2;

function shown() {
  const names = [...world.people.keys()];
  const chosen = choices.get("shown", null);
  return chosen ? names.filter((name) => chosen.includes(name)) : names.slice(0, USUALLY);
}

function toggle(name) {
  const before = shown();
  choices.set("shown", before.includes(name) ? before.filter((it) => it !== name) : [...before, name]);
}

async function join(event) {
  event.preventDefault();
  const field = event.target.elements.name;
  const name = field.value.trim();
  try {
    await ask("POST", "/sandbox/people", { name });
    choices.set("shown", [...shown(), name]);
    field.value = "";
    field.setCustomValidity("");
  } catch (error) {
    field.setCustomValidity(error.message);
    field.reportValidity();
  }
}

function top() {
  const on = shown();
  const dark = choices.get("theme", null);
  return [
    h("h1", null, h("span", { class: "seal", "aria-hidden": "true" }, "雁"), "Hongyan 鸿雁"),
    h("p", { class: "connection", role: "status" }, world.connected ? "" : say("disconnected")),
    h("div", { class: "people", role: "group", "aria-label": say("whose phones") },
      [...world.people.keys()].map((name) =>
        h("button", { key: name, class: "chip", "aria-pressed": String(on.includes(name)), onclick: () => toggle(name) }, name)),
      h("form", { key: " new", class: "join", onsubmit: join },
        h("input", { name: "name", required: true, maxlength: "32", size: "9", placeholder: say("somebody new"), "aria-label": say("somebody new"), autocomplete: "off", oninput: (event) => event.target.setCustomValidity("") }),
        h("button", { "aria-label": say("add") }, "+"))),
    h("div", { class: "looks" },
      h("button", { id: "language", onclick: () => choices.set("language", languages.find((it) => it !== language())) },
        language() === "zh" ? "English" : "中文"),
      h("button", { id: "theme", onclick: () => choices.set("theme", isDark(dark) ? "light" : "dark"), "aria-label": say("light or dark") },
        isDark(dark) ? "☀" : "☾")),
  ];
}

function isDark(chosen) {
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function show() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  document.title = `Hongyan 鸿雁 · ${say("title")}`;
  const theme = choices.get("theme", null);
  if (theme) document.documentElement.dataset.theme = theme;
  const held = document.activeElement?.closest(".phone")?.id;
  drawInto("top", top());
  const phones = shown().map((name) => unbroken(name, () => phone(world.people.get(name))));
  const none = world.connected ? say(world.people.size > 0 ? "no phones" : "nobody") : "";
  drawInto("phones", h("h2", { class: "hidden" }, say("phones")),
    phones.length > 0 ? phones : h("p", { class: "empty" }, none));
  drawInto("underneath", unbroken("underneath", underneath));
  document.querySelectorAll(".lines").forEach(follow);
  hold(held);
}

/** What can't be drawn says so, and stops nothing else. */
function unbroken(key, draw) {
  try {
    return draw();
  } catch (error) {
    return h("p", { key, role: "alert", class: "empty" }, `${key}: ${error.message}`);
  }
}

/** Keeps the keyboard on its phone, when what had the focus is gone; and leads it into a question. */
function hold(held) {
  const phone = held && document.getElementById(held);
  const question = phone?.querySelector(".sheet");
  if (question && !question.contains(document.activeElement)) question.querySelector(".allow").focus();
  else if (phone && document.activeElement === document.body) phone.querySelector(".screen").focus();
}

/** A chat shows its newest line, unless somebody reads further up. */
function follow(lines) {
  const newest = lines.lastElementChild?.key;
  const grew = newest !== lines.newest;
  lines.newest = newest;
  if (grew && !lines.readsAbove) lines.scrollTop = lines.scrollHeight;
  lines.onscroll = () => {
    lines.readsAbove = lines.scrollHeight - lines.scrollTop - lines.clientHeight > 40;
  };
}

onChange(show);
listen();
changed();
// Ages and clocks go on without news.
setInterval(changed, 1000);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
