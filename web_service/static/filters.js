// The filters: what the form asks for, in the API's words; kept in the page's address, so that a link says them too.

const NAMES = ["category", "min_price", "max_price", "hide", "only", "exclude"];
const LISTS = ["only", "exclude"];
const field = (name) => document.getElementById("controls").elements[name];
const listed = (text) => [...new Set(text.split(",").map((one) => one.trim()).filter(Boolean))];

/** Parameters of the API; what is not chosen is empty. */
export function chosen() {
  return Object.fromEntries(
    NAMES.map((name) => [name, LISTS.includes(name) ? listed(field(name).value).join(",") : field(name).value]),
  );
}

/** Chooses what `wanted`, a URLSearchParams, holds, and nothing else. */
export function choose(wanted) {
  for (const name of NAMES) {
    field(name).value = wanted.get(name) ?? "";
    if (field(name).selectedIndex === -1) field(name).value = ""; // a choice that is not there
  }
}

export const clear = () => choose(new URLSearchParams());

/** One item more that is not to be shown. */
export function leaveOut(item) {
  field("exclude").value = listed(`${field("exclude").value},${item}`).join(", ");
}

/** How many of those that fold away are in use, the category not among them. */
export const folded = () => Object.entries(chosen()).filter(([name, value]) => name !== "category" && value).length;
