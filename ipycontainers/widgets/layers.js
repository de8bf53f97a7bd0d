// The front end of ImageLayers: which layer is chosen, and what is shown of it. It computes nothing
// of what it shows.

const TABS = [
  ["files", "Files"],
  ["map", "Map"],
  ["waste", "Waste"],
  ["layer", "Layer"],
  ["config", "Config"],
];

function mapped(ask, chosen, isWhole, reveal) {
  const way = made("div", { class: "way" });
  const place = made("div", { class: "place-of-map" });
  const el = made("div", { class: "treemap" }, way, place);
  let folder = "";
  const load = (isFocused) => {
    ask("map", { of: chosen(), whole: isWhole(), key: folder }, (answer) => {
      patch(place, parsed(answer.markup));
      const parts = folder ? folder.split("/") : [];
      way.replaceChildren(...["", ...parts].map((part, count) => {
        const key = parts.slice(0, count).join("/");
        return made("button", { type: "button", "data-way": key, "aria-current": key === folder ? "true" : null },
          part || "all");
      }));
      const first = place.querySelector("[data-map]");
      if (first) first.tabIndex = 0;
      if (first && isFocused) first.focus();
    });
  };
  el.addEventListener("click", (event) => {
    const node = event.target.closest("[data-map], [data-way]");
    if (!node) return;
    if (node.dataset.map && !node.dataset.folder) {
      reveal(node.dataset.map);
      return;
    }
    folder = node.dataset.map || node.dataset.way || "";
    load(true);
  });
  place.addEventListener("keydown", (event) => {
    const nodes = [...place.querySelectorAll("[data-map]")];
    const at = nodes.indexOf(event.target);
    if (at < 0 || !/^(Arrow|Home|End)/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const to = rove(nodes, at, event.key);
    nodes[at].tabIndex = -1;
    nodes[to].tabIndex = 0;
    nodes[to].focus();
  });
  return {
    el,
    load() {
      folder = "";
      load(false);
    },
  };
}

// What is shown of the chosen layer, a tab for each kind.
function panel(ask, chosen) {
  const file = reader(ask);
  const tree = files(ask, chosen, file.open);
  const shown = { tab: "files" };
  const choose = (name) => {
    shown.tab = name;
    for (const node of tabs) {
      const isIt = node.dataset.tab === name;
      node.setAttribute("aria-selected", String(isIt));
      node.tabIndex = isIt ? 0 : -1;
    }
    tree.el.hidden = name !== "files";
    map.el.hidden = name !== "map";
    plain.hidden = name === "files" || name === "map";
    file.shut();
    body.setAttribute("aria-label", TABS.find(([one]) => one === name)[1]);
    load();
  };
  const map = mapped(ask, chosen, tree.isWhole, (key) => {
    choose("files");
    tree.reveal(key);
  });
  const plain = made("div", { class: "plain" });
  const tabs = TABS.map(([name, word]) => made("button",
    { type: "button", role: "tab", "data-tab": name, "aria-selected": "false", tabindex: -1 }, word));
  const list = made("div", { class: "tabs", role: "tablist", "aria-label": "What to show" }, ...tabs);
  const body = made("div", { class: "body", role: "tabpanel" }, tree.el, map.el, plain, file.el);
  const load = () => {
    if (shown.tab === "files") tree.load();
    else if (shown.tab === "map") map.load();
    else ask(shown.tab, { of: chosen(), whole: tree.isWhole() }, (answer) => patch(plain, parsed(answer.markup)));
  };
  list.addEventListener("click", (event) => {
    const node = event.target.closest("[data-tab]");
    if (node) choose(node.dataset.tab);
  });
  list.addEventListener("keydown", (event) => {
    if (!/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const to = rove(tabs, tabs.indexOf(document.activeElement), event.key);
    choose(tabs[to].dataset.tab);
    tabs[to].focus();
  });
  const el = made("div", { class: "panel", hidden: true }, list, body);
  return {
    el,
    load: () => {
      file.shut();
      load();
    },
    begin: () => choose("files"),
    end: tree.end,
  };
}

function mountLayers({ model, el }) {
  el.classList.add("ipycontainers", "image-layers");
  const { ask, end } = asker(model);
  let chosen = "";
  const drawing = made("div", { class: "drawing" });
  const progress = made("div", { class: "reading" });
  const shown = panel(ask, () => chosen);
  // Letters search, as in any tree; JupyterLab would take them for commands on the cell.
  const frame = made("div", { class: "frame", "data-lm-suppress-shortcuts": "true" }, drawing, progress, shown.el);
  el.replaceChildren(frame);
  const steps = () => [...drawing.querySelectorAll("[data-step]")];
  const mark = () => {
    const nodes = steps();
    const it = nodes.find((node) => node.dataset.step === chosen);
    for (const node of nodes) {
      node.setAttribute("aria-selected", String(node === it));
      node.tabIndex = node === (it || nodes[0]) ? 0 : -1;
    }
  };
  const choose = (node) => {
    if (!node) return;
    model.set("chosen", node.dataset.step);
    model.save_changes();
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  };
  const follow = () => {
    if (model.get("chosen") === chosen) return;
    chosen = model.get("chosen");
    mark();
    if (!shown.el.hidden) shown.load();
  };
  const tell = () => {
    progress.hidden = !model.get("progress");
    patch(progress, parsed(model.get("progress")));
  };
  const draw = () => {
    patch(drawing, parsed(model.get("drawing")));
    chosen = model.get("chosen");
    mark();
    if (model.get("complete") && shown.el.hidden) {
      shown.el.hidden = false;
      shown.begin();
    }
  };
  drawing.addEventListener("click", (event) => choose(event.target.closest("[data-step]")));
  drawing.addEventListener("keydown", (event) => {
    if (!event.target.closest('[role="listbox"]')) return;
    if (!/^(ArrowUp|ArrowDown|Home|End)$/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const nodes = steps();
    choose(nodes[rove(nodes, nodes.findIndex((node) => node.dataset.step === chosen), event.key)]);
  });
  const heard = [["drawing", draw], ["complete", draw], ["chosen", follow], ["progress", tell]];
  draw();
  tell();
  for (const [name, then] of heard) model.on(`change:${name}`, then);
  return () => {
    for (const [name, then] of heard) model.off(`change:${name}`, then);
    shown.end();
    end();
  };
}

export default { render: mountLayers };
