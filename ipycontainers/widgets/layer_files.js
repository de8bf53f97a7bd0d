// The files of a layer, as a tree of rows, and a file that is opened.

const TALLEST = 400; // px, of the list
const SIGNS = { added: "+", changed: "~", removed: "−" };
const COLUMNS = ["Name", "Change", "Size", "Mode", "Owner"];

function cell(row, at, isChosen) {
  const open = row.open ? "▾" : "▸";
  const name = made("span", { class: "name", role: "gridcell" },
    made("span", { class: "fold", "aria-hidden": "true" }, row.folder ? open : ""),
    made("span", { class: "label", title: row.key }, row.name + (row.folder ? "/" : "")));
  name.style.paddingInlineStart = `${Math.min(row.level - 1, 12) * 16}px`;
  if (row.target) name.append(made("span", { class: "target" }, ` → ${row.target}`));
  const mark = SIGNS[row.change];
  const change = made("span", { class: `change ${row.change}`, role: "gridcell" },
    mark ? `${mark} ${row.change}` : "");
  const other = (kind, text) => made("span", { class: kind, role: "gridcell" }, text);
  const node = made("div", {
    class: `row ${row.change}`,
    role: "row",
    "aria-level": row.level,
    "aria-rowindex": at + 2,
    "aria-expanded": row.folder ? String(Boolean(row.open)) : null,
    "aria-selected": String(isChosen),
    tabindex: isChosen ? 0 : -1,
  }, name, change, other("size", row.room), other("mode", row.mode), other("owner", row.owner));
  return node;
}

// The tree of files: a treegrid, https://www.w3.org/WAI/ARIA/apg/patterns/treegrid/
function files(ask, chosen, look) {
  const state = { opened: null, find: "", changed: false, whole: false, cursor: 0, isAwaited: false };
  const search = made("input", { type: "search", placeholder: "Search names", "aria-label": "Search names of files" });
  const whole = made("input", { type: "checkbox" });
  const changed = made("input", { type: "checkbox" });
  const told = made("span", { class: "muted told", role: "status" });
  const head = made("div", { class: "row head", role: "row", "aria-rowindex": 1 },
    ...COLUMNS.map((word) => made("span", { class: word.toLowerCase(), role: "columnheader" }, word)));
  const body = made("div", { class: "rows", role: "rowgroup" });
  const list = made("div", { class: "list" }, body);
  const grid = made("div", { class: "grid", role: "treegrid", tabindex: -1, "aria-label": "Files", "aria-colcount": COLUMNS.length },
    made("div", { role: "rowgroup" }, head), list);
  const wholeWord = made("label", { class: "of-layer" }, whole, " with all layers below");
  const el = made("div", { class: "files" },
    made("div", { class: "tools" }, search, wholeWord,
      made("label", {}, changed, " changes only"), told),
    grid);

  const question = (from, count) => ({
    of: chosen(), whole: state.whole, find: state.find, changed: state.changed,
    opened: state.opened, from, count,
  });
  const rows = virtual(list, body, grid, (row, at) => cell(row, at, at === state.cursor), (from, count) => {
    ask("rows", question(from, count), (answer) => {
      rows.set(answer, false);
      arrive();
    });
  });
  // A row may come after it was gone to.
  const arrive = () => {
    const node = rows.node(state.cursor);
    if (!state.isAwaited || !node) return;
    state.isAwaited = false;
    if (grid.contains(document.activeElement)) node.focus({ preventScroll: true });
  };
  const load = (then, key = "") => {
    const [from, to] = rows.inSight();
    ask("rows", { ...question(from, Math.max(to - from, 40)), key }, (answer) => {
      if (answer.opened) state.opened = answer.opened;
      state.cursor = Math.max(0, Math.min(state.cursor, answer.total - 1));
      list.style.height = `${Math.max(ROW, Math.min(TALLEST, answer.total * ROW))}px`;
      grid.setAttribute("aria-rowcount", answer.total + 1);
      told.textContent = answer.told;
      head.style.paddingInlineEnd = `${8 + list.offsetWidth - list.clientWidth}px`; // the scroll bar
      rows.set(answer, true);
      if (then) then(answer);
    });
  };
  const go = (at, isFocused = true) => {
    const to = Math.max(0, Math.min(at, rows.total() - 1));
    state.cursor = to;
    rows.reveal(to);
    rows.redraw();
    if (!isFocused) return;
    const node = rows.node(to);
    state.isAwaited = !node;
    (node || grid).focus({ preventScroll: true });
  };
  const fold = (row, isOpen) => {
    const opened = new Set(state.opened || []);
    if (isOpen) opened.add(row.key);
    else opened.delete(row.key);
    state.opened = [...opened];
    load(() => go(state.cursor));
  };
  const open = (row) => {
    if (row.folder) fold(row, !row.open);
    else look({ of: chosen(), whole: state.whole, key: row.key });
  };
  const above = (at) => {
    const level = rows.row(at) ? rows.row(at).level : 0;
    let to = at - 1;
    while (to >= 0 && rows.row(to) && rows.row(to).level >= level) to -= 1;
    return Math.max(0, to);
  };
  const typed = { text: "", when: 0 };
  const spell = (letter) => {
    const now = Date.now();
    typed.text = now - typed.when > 800 ? letter : typed.text + letter;
    typed.when = now;
    const from = state.cursor + (typed.text.length === 1 ? 1 : 0);
    ask("seek", { ...question(from, 0), key: typed.text }, ({ at }) => {
      if (at >= 0) go(at);
    });
  };
  const keys = {
    ArrowDown: (at) => go(at + 1),
    ArrowUp: (at) => go(at - 1),
    PageDown: (at) => go(at + Math.floor(list.clientHeight / ROW)),
    PageUp: (at) => go(at - Math.floor(list.clientHeight / ROW)),
    Home: () => go(0),
    End: () => go(rows.total() - 1),
    Enter: (at, row) => open(row),
    " ": (at, row) => open(row),
    ArrowRight: (at, row) => (row.folder && !row.open ? fold(row, true) : go(at + 1)),
    ArrowLeft: (at, row) => (row.folder && row.open ? fold(row, false) : go(above(at))),
  };
  grid.addEventListener("keydown", (event) => {
    const row = rows.row(state.cursor);
    if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = keys[event.key];
    if (!act && event.key.length !== 1) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has keys of its own
    if (act) act(state.cursor, row);
    else spell(event.key.toLowerCase());
  });
  body.addEventListener("click", (event) => {
    const node = event.target.closest("[data-row]");
    if (!node) return;
    const at = Number(node.dataset.row);
    const row = rows.row(at);
    go(at);
    open(row);
  });
  const again = () => {
    state.cursor = 0;
    list.scrollTop = 0;
    load();
  };
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.find = search.value;
      again();
    }, 150);
  });
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      go(0);
    }
  });
  whole.addEventListener("change", () => {
    state.whole = whole.checked;
    state.opened = null;
    again();
  });
  changed.addEventListener("change", () => {
    state.changed = changed.checked;
    again();
  });
  return {
    el,
    load() {
      state.opened = null;
      wholeWord.hidden = chosen() === "difference";
      again();
    },
    isWhole: () => state.whole,
    // A folder of the map, or the folder around a file.
    reveal(key) {
      state.find = search.value = "";
      const parts = key.split("/");
      const opened = new Set(state.opened || []);
      for (let count = 1; count <= parts.length; count += 1) opened.add(parts.slice(0, count).join("/"));
      state.opened = [...opened];
      load((answer) => go(answer.at), key);
    },
    end() {
      clearTimeout(timer);
      rows.forget();
    },
  };
}

// A file beside the tree: its text, or what differs from the layer below.
function reader(ask) {
  const title = made("span", { class: "title" });
  const ways = ["text", "difference"].map((way) => made("button", { type: "button", "data-way": way },
    way === "text" ? "Content" : "Difference from below"));
  const close = made("button", { type: "button", "aria-label": "Close the file" }, "✕");
  const place = made("div", { class: "content" });
  const el = made("section", { class: "reader", hidden: true, "aria-label": "File" },
    made("div", { class: "tools" }, title, ...ways, close), place);
  let question = null;
  let back = null;
  const load = (way) => {
    for (const node of ways) node.setAttribute("aria-pressed", String(node.dataset.way === way));
    const asked = question;
    const from = document.activeElement;
    el.setAttribute("aria-busy", "true");
    ask("file", { ...asked, way }, (answer) => {
      if (asked !== question) return;
      el.removeAttribute("aria-busy");
      title.textContent = answer.key;
      patch(place, parsed(answer.markup));
      // It may have taken long: who has gone elsewhere stays there.
      if (document.activeElement === from && !el.contains(from)) close.focus({ preventScroll: true });
      el.scrollIntoView({ block: "nearest" });
    });
  };
  const shut = () => {
    question = null;
    el.hidden = true;
    if (back && back.isConnected) back.focus();
  };
  for (const node of ways) node.addEventListener("click", () => load(node.dataset.way));
  close.addEventListener("click", shut);
  el.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") shut();
  });
  return {
    el,
    shut: () => {
      question = null;
      el.hidden = true;
    },
    open(which) {
      question = which;
      back = document.activeElement;
      el.hidden = false;
      title.textContent = which.key;
      place.textContent = "Reading …";
      load("text");
    },
  };
}
