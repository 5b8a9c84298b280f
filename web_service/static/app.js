// The page: ask for a user's slate, tell what the user did, show how the answer changed.

import * as api from "./api.js";
import * as filters from "./filters.js";
import { changes, draw, drawMix } from "./slate.js";
import * as visit from "./visit.js";

const K = 12;
const MOST_OFFSET = 1000;
const part = (id) => document.getElementById(id);
const ui = Object.fromEntries(
  ["site", "user", "mode", "category", "another", "known-users", "heading", "lead", "mix", "changes", "slate", "trouble",
    "release", "as-of", "age", "arm", "latency", "events", "key-panel", "key-form", "key", "more", "filters-count",
    "pages", "previous", "where", "next"].map((id) => [id, part(id)]),
);
let sites = [];
let users = [];
let surfaces = new Set();
let shown = null;
let offset = 0;
let asked = 0;

const site = () => sites.find((one) => one.site === ui.site.value);
const option = (value, text = value) => Object.assign(document.createElement("option"), { value, textContent: text });
const positions = (items) => new Map(items.map((item) => [item.item_id, item.position]));

/** Asks and draws the page that begins after `from` items. `compare` shows what changed since the answer on the page. */
async function ask({ compare = false, from = 0 } = {}) {
  const turn = ++asked;
  const name = ui.site.value;
  const user = ui.user.value.trim();
  const mode = ui.mode.value;
  const question = { user_id: user, k: K, offset: from || "", mode, ...filters.chosen() };
  location.replace(`#${api.query({ site: name, user, mode, ...filters.chosen() })}`);
  ui["filters-count"].textContent = filters.folded() || "";
  ui.slate.classList.add("waiting");
  await guarded(async () => {
    const reply = await api.recommendations(name, question);
    const told = user ? await api.events(name, user) : [];
    const answer = reply.content;
    const before = compare && shown && offset === from ? positions(shown.items) : null;
    const ids = [...answer.items.flatMap((item) => item.because), ...told.map((event) => event.item_id), ...(before?.keys() ?? [])];
    const title = await api.titles(name, ids);
    if (turn !== asked) return;
    [shown, offset] = [answer, from];
    ui.heading.textContent = user ? `For ${user}` : "For an anonymous visitor";
    ui.lead.textContent = lead(answer, told);
    draw(ui.slate, answer.items, { before, title, eventTypes: site().event_types, act, leaveOut });
    drawMix(ui.mix, answer.items);
    drawPages(answer.items.length);
    ui.changes.textContent = changes(before, answer.items, title);
    ui.arm.textContent = answer.arm;
    ui.latency.textContent = `${reply.inside?.toFixed(1) ?? "–"} ms (${reply.outside.toFixed(0)} ms with the network)`;
    drawEvents(told, title);
    if (ui.release.textContent !== answer.release_id) await showRelease(name);
    const said = await visit.ask(name, user, told, surfaces);
    if (turn === asked) visit.draw(said, { type: site().event_types[0], act });
  });
  if (turn === asked) ui.slate.classList.remove("waiting");
}

function lead(answer, told) {
  if (!answer.items.length) return offset ? "That was all that may be shown." : "Nothing that may be shown fits; try other filters.";
  const live = answer.items.filter((item) => item.source === "similar").length;
  if (live && told.length) return `${live} of ${answer.items.length} items follow from what happened a moment ago; the rest was ranked offline or is popular.`;
  if (answer.items.some((item) => item.source.startsWith("ranked"))) return "Ranked offline from this user's history. Look at something and watch the answer change.";
  return "Nothing is known of this visitor, so this is what is popular. Look at something and watch the answer change.";
}

/** Tells the service what the user did, then asks again. */
async function act(item, type, answered = shown.request_id) {
  if (!ui.user.value.trim()) {
    ui.user.value = `visitor-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  }
  const event = { user_id: ui.user.value.trim(), item_id: item.item_id, event_type: type, request_id: answered };
  if (type === site().purchase_event && item.price != null) event.value = item.price;
  await guarded(async () => {
    await api.send(ui.site.value, event);
    await ask({ compare: true });
  });
}

async function leaveOut(item) {
  filters.leaveOut(item.item_id);
  await ask({ compare: true, from: offset });
}

function drawPages(count) {
  ui.pages.hidden = !offset && count < K;
  ui.previous.disabled = !offset;
  ui.next.disabled = count < K || offset + K > MOST_OFFSET;
  ui.where.textContent = count ? `${offset + 1} to ${offset + count}` : "";
}

async function turnTo(from) {
  ui.slate.focus(); // its beginning, not the button below
  await ask({ from });
}

function drawEvents(told, title) {
  ui.events.replaceChildren(...told.map((event) => {
    const line = document.createElement("li");
    const what = Object.assign(document.createElement("b"), { textContent: event.event_type });
    const which = Object.assign(document.createElement("span"), { textContent: title(event.item_id) });
    const when = Object.assign(document.createElement("time"), { dateTime: event.timestamp, textContent: ago(event.timestamp) });
    line.append(what, which, when);
    return line;
  }));
}

async function showRelease(name) {
  const { live, releases, pointers } = await api.releases(name);
  surfaces = new Set(pointers.map((pointer) => pointer.surface));
  const release = releases.find((one) => one.release_id === live?.release_id);
  ui.release.textContent = live?.release_id ?? "none";
  ui["as-of"].textContent = release ? new Date(release.as_of).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–";
  ui.age.textContent = live ? ago(live.activated_at, "") : "–";
}

function ago(time, suffix = " ago") {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 10 && suffix) return "just now";
  const [unit, size] = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => seconds >= size) ?? ["s", 1];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${unit === "day" && count !== 1 ? "s" : ""}${suffix}`;
}

async function guarded(work) {
  ui.trouble.hidden = true;
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    if (problem.status === 401 || problem.status === 403) ui["key-panel"].hidden = false;
    ui.slate.replaceChildren();
    ui.mix.replaceChildren();
    ui.pages.hidden = true;
    ui.lead.textContent = "";
    ui.changes.textContent = "";
    shown = null;
    const reason = Object.assign(document.createElement("p"), { textContent: problem.message });
    ui.trouble.replaceChildren(Object.assign(document.createElement("strong"), { textContent: problem.title }), reason);
    ui.trouble.hidden = false;
  }
}

/** Users and categories to choose from; then the first answer. `wanted` are filters. */
async function enter({ user, wanted = new URLSearchParams() } = {}) {
  const name = ui.site.value;
  shown = null;
  ui.release.textContent = "–";
  ui.category.replaceChildren(option("", "all"));
  await guarded(async () => {
    const [some, top] = await Promise.all([api.users(name), api.popular(name)]);
    users = some;
    ui["known-users"].replaceChildren(...users.map((one) => option(one)));
    const categories = [...new Set(top.items.map((item) => item.category).filter(Boolean))].sort();
    ui.category.append(...categories.map((one) => option(one)));
    ui.category.closest("label").hidden = !categories.length;
    filters.choose(wanted);
    ui.more.open = filters.folded() > 0;
    ui.user.value = user ?? users[Math.floor(Math.random() * users.length)] ?? "";
    await ask();
  });
}

async function start() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  await guarded(async () => {
    sites = (await api.sites()).filter((one) => !one.fault);
    if (!sites.length) throw new api.Problem({ title: "No site is set up yet", detail: "Add one with: recsys sites add NAME", status: 0 });
    ui.site.replaceChildren(...sites.map((one) => option(one.site, one.title)));
    if (site() && sites.some((one) => one.site === wanted.get("site"))) ui.site.value = wanted.get("site");
    if (["blended", "offline", "online"].includes(wanted.get("mode"))) ui.mode.value = wanted.get("mode");
    await enter({ user: wanted.get("user") ?? undefined, wanted });
  });
}

part("controls").addEventListener("change", (event) => {
  if (event.target === ui.site) enter();
  else ask({ compare: event.target !== ui.user });
});
part("controls").addEventListener("submit", (event) => event.preventDefault());
part("clear").addEventListener("click", () => { filters.clear(); ask({ compare: true }); });
ui.previous.addEventListener("click", () => turnTo(Math.max(0, offset - K)));
ui.next.addEventListener("click", () => turnTo(offset + K));
ui.another.addEventListener("click", () => enter());
ui["key-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  api.key.set(ui.key.value.trim());
  ui["key-panel"].hidden = true;
  start();
});
start();
