// The page: a bar at the top, the phones, and the inspector.

import { h } from "./element.js";
import { phone } from "./phone.js";
import { changed, choices, drawInto, listen, onChange, request, world } from "./state.js";
import { inspector } from "./inspector.js";
import { language, languages, say } from "./words.js";

/** The number of phones shown by default. */
const DEFAULT_PHONES = 2;

function shown() {
  const names = [...world.people.keys()];
  const chosen = choices.get("shown", null);
  return chosen ? names.filter((name) => chosen.includes(name)) : names.slice(0, DEFAULT_PHONES);
}

function toggle(name) {
  const before = shown();
  choices.set("shown", before.includes(name) ? before.filter((it) => it !== name) : [...before, name]);
}

async function addPerson(event) {
  event.preventDefault();
  const field = event.target.elements.name;
  const name = field.value.trim();
  try {
    await request("POST", "/sandbox/people", { name });
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
    h("div", { class: "people", role: "group", "aria-label": say("phones shown") },
      [...world.people.keys()].map((name) =>
        h("button", { key: name, class: "chip", "aria-pressed": String(on.includes(name)), onclick: () => toggle(name) }, name)),
      h("form", { key: " new", class: "join", onsubmit: addPerson },
        h("input", { name: "name", required: true, maxlength: "32", size: "9", placeholder: say("new person"), "aria-label": say("new person"), autocomplete: "off", oninput: (event) => event.target.setCustomValidity("") }),
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
  const focused = document.activeElement?.closest(".phone")?.id;
  drawInto("top", top());
  const phones = shown().map((name) => drawSafely(name, () => phone(world.people.get(name))));
  const none = world.connected ? say(world.people.size > 0 ? "no phones" : "no people") : "";
  drawInto("phones", h("h2", { class: "hidden" }, say("phones")),
    phones.length > 0 ? phones : h("p", { class: "empty" }, none));
  drawInto("inspector", drawSafely("inspector", inspector));
  document.querySelectorAll(".lines").forEach(scrollToNewest);
  keepFocus(focused);
}

/** Draws a part of the page, or its error. */
function drawSafely(key, draw) {
  try {
    return draw();
  } catch (error) {
    return h("p", { key, role: "alert", class: "empty" }, `${key}: ${error.message}`);
  }
}

/** Moves the focus into a dialog that has opened, and keeps it on its phone if the focused element is gone. */
function keepFocus(phoneId) {
  const phone = phoneId && document.getElementById(phoneId);
  const dialog = phone?.querySelector(".sheet");
  if (dialog && !dialog.contains(document.activeElement)) dialog.querySelector(".allow").focus();
  else if (phone && document.activeElement === document.body) phone.querySelector(".screen").focus();
}

/** Scrolls a chat to its newest line, unless the user has scrolled up. */
function scrollToNewest(lines) {
  const newest = lines.lastElementChild?.key;
  const grew = newest !== lines.newest;
  lines.newest = newest;
  if (grew && !lines.scrolledUp) lines.scrollTop = lines.scrollHeight;
  lines.onscroll = () => {
    lines.scrolledUp = lines.scrollHeight - lines.scrollTop - lines.clientHeight > 40;
  };
}

onChange(show);
listen();
changed();
// Updates ages and clocks.
setInterval(changed, 1000);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
