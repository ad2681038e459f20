// The inspector: deliveries, API calls, notifications and invocations.

import { clockControl, faultControl, notifyControl, tokenControl } from "./controls.js";
import { h } from "./element.js";
import { activities, changed, onReset, request, world } from "./state.js";
import { clock, say } from "./words.js";

/** Maximum number of activities listed of each kind. */
const MAX_LISTED = 40;

/** The inspector. */
export function inspector() {
  return [
    h("h2", null, say("inspector")),
    h("div", { class: "panels" },
      h("div", { class: "column" },
        notifyControl(),
        optionalPanel("notifications", activities("notification"), notification),
        tokenControl(),
        faultControl(),
        clockControl()),
      h("div", { class: "column" },
        panel("callbacks", activities("callback"), callback),
        panel("calls", activities("call"), call),
        optionalPanel("invocations", activities("invocation"), invocation))),
  ];
}

function panel(name, all, item) {
  return h("section", { key: name, class: `panel ${name}`, id: name },
    h("h3", null, say(name)),
    all.length === 0 && h("p", { class: "empty" }, say("none yet")),
    h("ol", { class: "log", tabindex: all.length > 0 ? "0" : null, "aria-label": say(name) }, all.slice(0, MAX_LISTED).map((it) =>
      h("li", { key: it.id, id: `${it.kind}-${it.id}` }, item(it, it.facts)))));
}

/** A panel for activities that the embedding program records, if it does. */
function optionalPanel(name, all, item) {
  return (world.canNotify || all.length > 0) && panel(name, all, item);
}

function time(it) {
  return h("time", null, clock(it.began_ms / 1000, { second: "2-digit" }));
}

/** A word in the colour of its kind: good, bad or open. */
function mark(kind, text) {
  return h("span", { class: `mark ${kind}` }, text);
}

const GOOD = ["sent", "delivered"];
const OPEN = ["queued", "scheduled", "in_progress", "retrying", "ambiguous"];

function notification(it, { steps = [], channel, app, reason }) {
  return [
    h("div", { class: "facts" }, time(it), h("code", null, it.id), channel && h("span", null, `${channel} · ${app}`)),
    h("div", { class: "steps" }, steps.map(({ status }, index) =>
      [index > 0 && h("span", { "aria-hidden": "true" }, "→"),
       mark(GOOD.includes(status) ? "good" : OPEN.includes(status) ? "open" : "bad", say(`status ${status}`))])),
    reason && h("p", { class: "reason" }, reason),
  ];
}

function callback(it, { app, person, event, mode, format, status, duration_ms, reply_valid, reply, error }) {
  const answered = status !== undefined;
  return [
    h("div", { class: "facts" }, time(it), h("code", null, event), h("span", null, [person, app].filter(Boolean).join(" → "))),
    h("div", { class: "facts" },
      h("span", null, `${say(mode)} · ${format.toUpperCase()}`),
      !answered && mark("open", say("in progress")),
      answered && (status === null ? mark("bad", say("no answer")) : mark(status === 200 ? "good" : "bad", status)),
      status === 200 && mark("good", say("signature accepted")),
      status === 403 && mark("bad", say("signature rejected")),
      status === 200 && mark(reply_valid ? "good" : "bad", say(reply_valid ? "reply valid" : "reply invalid")),
      answered && h("span", { class: "took" }, `${duration_ms} ms`)),
    reply && h("p", { class: "reason" }, reply),
    error && h("p", { class: "reason" }, error),
  ];
}

/** The calls whose details are open, by id. */
const details = new Map();
onReset(() => details.clear());

async function loadDetails(event, id) {
  if (!event.target.open || details.has(id)) return;
  const call = await request("GET", `/sandbox/calls/${id}`).catch(() => null);
  if (call) details.set(id, call);
  for (const old of details.keys()) if (!world.activities.has(`call ${old}`)) details.delete(old);
  changed();
}

function call(it, { method, path, status, errcode, errmsg, fault, duration_ms, hung_up }) {
  const answered = status !== undefined;
  const line = [
    time(it), h("code", null, `${method} ${path}`),
    !answered && (hung_up ? mark("bad", say("hung up")) : mark("open", say("in progress"))),
    answered && status !== 200 && mark("bad", status === 0 ? say("reset") : status),
    status === 200 && errcode !== undefined && mark(errcode === 0 ? "good" : "bad", errcode),
    fault && mark("open", `${say("fault")}: ${fault}`),
    answered && h("span", { class: "took" }, `${duration_ms} ms`),
  ];
  if (!answered) return h("div", { class: "facts" }, line);
  const logged = details.get(it.id);
  return h("details", { ontoggle: (event) => loadDetails(event, it.id) },
    h("summary", { class: "facts", title: say("more") }, line),
    errcode ? h("p", { class: "reason" }, errmsg) : null,
    logged && h("pre", null, JSON.stringify({ query: logged.query, body: logged.body, answer: logged.answer }, null, 2)));
}

const WENT = { answered: ["good", "answered"], failed: ["bad", "function failed"], ended: ["bad", "process ended"], never_taken: ["bad", "process ended"] };

function invocation(it, { function: name, cold, went, duration_ms, ready_ms }) {
  const [kind, text] = WENT[went] ?? ["open", "in progress"];
  return h("div", { class: "facts" }, time(it), h("code", null, name),
    mark(cold ? "cold" : "warm", say(cold ? "cold" : "warm")),
    ready_ms && h("span", { class: "hint" }, say("ready after", Math.round(ready_ms))),
    mark(kind, say(text)),
    went && h("span", { class: "took" }, `${Math.round(duration_ms)} ms`));
}
