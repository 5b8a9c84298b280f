// Draws a slate, and what changed since the last one.

const SOURCES = { ranked: "ranked for this user", similar: "similar to what was just seen", popular: "popular", catalogue: "from the catalogue" };
const LABELS = { view: "View", cart: "Cart", addtocart: "Cart", purchase: "Buy", transaction: "Buy" };
const ICON_WORDS = 2;

const family = (item) => item.source.split(":")[0];
const hue = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
export const label = (type) => LABELS[type] ?? type.charAt(0).toUpperCase() + type.slice(1);
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

const initials = (text) =>
  text.split(/[^\p{L}\p{N}]+/u).filter(Boolean).slice(0, ICON_WORDS).map((word) => [...word][0].toUpperCase()).join("");

/** Draws `items` into `list`; `before` maps item ids to their former positions, or is null for a first look. */
export function draw(list, items, { before, ...more }) {
  const old = new Map([...list.children].map((card) => [card.dataset.item, card.getBoundingClientRect()]));
  const focused = focusIn(list);
  list.replaceChildren(...items.map((item) => card(item, { before, ...more })));
  if (before && !quiet.matches) glide(list, old);
  if (focused) focusAgain(list, focused);
}

/** Which button of which card has the focus. */
function focusIn(list) {
  const node = document.activeElement?.closest(".card");
  if (!list.contains(node)) return null;
  return { item: node.dataset.item, place: [...list.children].indexOf(node), button: [...node.querySelectorAll("button")].indexOf(document.activeElement) };
}

/** The same button of the same item; where that is gone, of the item that stands in its place. */
function focusAgain(list, { item, place, button }) {
  const cards = [...list.children];
  const node = cards.find((card) => card.dataset.item === item) ?? cards[Math.min(place, cards.length - 1)];
  node?.querySelectorAll("button")[button]?.focus();
}

function card(item, { before, title, eventTypes, act, leaveOut }) {
  const node = document.getElementById("card").content.firstElementChild.cloneNode(true);
  const find = (selector) => node.querySelector(selector);
  const name = item.title ?? item.item_id;
  node.dataset.item = item.item_id;
  node.style.setProperty("--hue", hue(item.category ?? name) + (hue(name) % 40) - 20);
  find(".place").textContent = item.position;
  find(".initials").textContent = initials(name);
  find("h3").textContent = name;
  find("h3").title = `${name} (${item.item_id})`;
  find(".category").textContent = item.category ?? "";
  find(".price").textContent = item.price == null ? "" : item.price.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  badge(find(".badge"), item);
  because(find(".because"), item, title);
  if (before) mark(node, before.get(item.item_id), item.position);
  find(".out").setAttribute("aria-label", `Leave out ${name}`);
  find(".out").addEventListener("click", () => leaveOut(item));
  find(".out").hidden = item.item_id.includes(","); // the list of what is left out has commas between
  find(".actions").append(...eventTypes.map((type) => button(type, name, () => act(item, type))));
  return node;
}

/** Makes `node` say where the item came from. */
export function badge(node, item) {
  node.className = "badge";
  node.dataset.source = family(item);
  node.textContent = item.source.replace(":", " · ").replaceAll("_", " ");
  node.title = `score ${item.score.toPrecision(4)}`;
  return node;
}

function because(line, item, title) {
  if (!item.because.length) return;
  line.append("because of ");
  item.because.forEach((id, index) => {
    const reason = document.createElement("em");
    reason.textContent = title(id);
    line.append(...(index ? [", ", reason] : [reason]));
  });
  line.title = line.textContent;
}

function mark(node, was, is) {
  const moved = node.querySelector(".moved");
  if (was === undefined) {
    node.classList.add("new");
    moved.textContent = "new";
  } else if (was !== is) {
    moved.textContent = `${was > is ? "↑" : "↓"} ${Math.abs(was - is)}`;
    moved.setAttribute("aria-label", `moved ${was > is ? "up" : "down"} by ${Math.abs(was - is)}`);
  }
}

function button(type, name, press) {
  const node = document.createElement("button");
  node.type = "button";
  node.textContent = label(type);
  node.setAttribute("aria-label", `${label(type)} ${name}`);
  node.addEventListener("click", press);
  return node;
}

/** Cards that stay slide from where they were; new ones fade in. */
function glide(list, old) {
  for (const node of list.children) {
    const was = old.get(node.dataset.item);
    const is = node.getBoundingClientRect();
    const frames = was
      ? [{ transform: `translate(${was.left - is.left}px, ${was.top - is.top}px)` }, { transform: "none" }]
      : [{ opacity: 0, transform: "scale(.94)" }, { opacity: 1, transform: "none" }];
    node.animate(frames, { duration: 420, easing: "cubic-bezier(.2,.8,.2,1)" });
  }
}

/** One bar with the share of each source, and its legend. */
export function drawMix(node, items) {
  const counts = Map.groupBy ? Map.groupBy(items, family) : new Map();
  const parts = Object.keys(SOURCES).filter((source) => counts.has(source));
  const bar = Object.assign(document.createElement("div"), { className: "bar" });
  const legend = document.createElement("ul");
  for (const source of parts) {
    const share = document.createElement("i");
    share.dataset.source = source;
    share.style.flex = counts.get(source).length;
    bar.append(share);
    const entry = document.createElement("li");
    entry.dataset.source = source;
    entry.textContent = `${counts.get(source).length} ${source}`;
    entry.title = SOURCES[source];
    legend.append(entry);
  }
  node.replaceChildren(bar, legend);
  node.setAttribute("aria-label", parts.map((source) => `${counts.get(source).length} ${SOURCES[source]}`).join(", "));
}

/** In words: what is new, what moved, what is gone. */
export function changes(before, items, title) {
  if (!before) return "";
  const now = new Set(items.map((item) => item.item_id));
  const fresh = items.filter((item) => !before.has(item.item_id)).length;
  const moved = items.filter((item) => before.has(item.item_id) && before.get(item.item_id) !== item.position).length;
  const gone = [...before.keys()].filter((id) => !now.has(id));
  const words = [fresh && `${fresh} new`, moved && `${moved} moved`, gone.length && `${gone.length} gone: ${gone.slice(0, 3).map(title).join(", ")}${gone.length > 3 ? " …" : ""}`];
  return words.filter(Boolean).join(" · ") || "The answer is the same.";
}
