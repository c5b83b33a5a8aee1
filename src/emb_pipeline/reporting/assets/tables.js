"use strict";
// Tables sort by a click on a heading, filter by text, fold the variants of a family under its first row, and begin with
// their first rows. The markup says which: .scroll > table, data-rows, data-plain; and on a row data-family, and data-copy for
// one that is nothing to choose.
(() => {
  const UNITS = { ms: 1e-3, s: 1, min: 60, h: 3600, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
  const NUMBER = /^([<>$]?)\s*([+\u2212-]?)([\d,]*\.?\d+(?:e[+-]?\d+)?)\s*(ms|s|min|h|kB|MB|GB|TB)?(?![\w.])/;
  const SPARE = 2; // a button is not worth fewer rows than this
  const expand = [];

  const numberOf = (text) => {
    const found = NUMBER.exec(text);
    if (!found) return null;
    const size = Number(found[3].replaceAll(",", "")) * (UNITS[found[4]] || 1);
    return (found[2] && found[2] !== "+" ? -size : size) * (found[1] === "<" ? 0.999 : 1);
  };

  const make = (tag, attributes, text = "") => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };

  const enhance = (region) => {
    const table = region.querySelector("table");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const shown = Number(region.dataset.rows);
    const label = region.getAttribute("aria-label");
    const families = new Map();
    for (const row of rows) {
      const family = row.dataset.family || row;
      families.set(family, [...(families.get(family) || []), row]);
    }
    const groups = [...families.values()].map((members) => {
      const head = members.find((row) => !("copy" in row.dataset)) || members[0];
      return { head, rest: members.filter((row) => row !== head), isOpen: false };
    });
    groups.sort((a, b) => rows.indexOf(a.head) - rows.indexOf(b.head));
    const state = { column: -1, direction: 1, query: "", isWhole: groups.length <= shown + SPARE };

    const textOf = (row, column) => (row.cells[column]?.textContent || "").trim();
    const compare = (column) => {
      const keys = new Map(rows.map((row) => [row, textOf(row, column)]));
      const numbers = new Map(rows.map((row) => [row, numberOf(keys.get(row))]));
      const isNumeric = rows.some((row) => numbers.get(row) !== null);
      return (first, second) => {
        const [a, b] = isNumeric ? [numbers.get(first), numbers.get(second)] : [keys.get(first), keys.get(second)];
        const [noA, noB] = [a === null || a === "", b === null || b === ""];
        if (noA || noB) return noA - noB; // what has no value comes last, in both directions
        return state.direction * (isNumeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
      };
    };

    const update = () => {
      const order = state.column < 0 ? null : compare(state.column);
      const sorted = order ? [...groups].sort((a, b) => order(a.head, b.head)) : groups;
      const wordsOf = (row) => [row.textContent, ...[...row.querySelectorAll("[title]")].map((each) => each.title)].join(" ");
      const matches = (row) => wordsOf(row).toLowerCase().includes(state.query);
      let count = 0;
      for (const [place, group] of sorted.entries()) {
        const rest = order ? [...group.rest].sort(order) : group.rest;
        for (const row of [group.head, ...rest]) {
          const isRest = row !== group.head;
          const isShown = state.query ? matches(row) : (state.isWhole || place < shown) && (!isRest || group.isOpen);
          row.hidden = !isShown;
          count += isShown;
          row.classList.toggle("variant", isRest && !state.query);
        }
        group.toggle?.setAttribute("aria-expanded", String(group.isOpen));
        if (group.toggle) group.toggle.hidden = Boolean(state.query);
        if (state.touched) body.append(group.head, ...rest);
      }
      if (status) status.textContent = state.query ? `${count} of ${rows.length} rows` : "";
      if (all) {
        all.hidden = Boolean(state.query);
        all.textContent = state.isWhole ? `Show the first ${shown}` : `Show all ${groups.length}`;
        all.setAttribute("aria-expanded", String(state.isWhole));
      }
      for (const [column, heading] of headings.entries()) {
        if (column === state.column) heading.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");
        else heading.removeAttribute("aria-sort");
      }
    };
    const change = (what) => { Object.assign(state, what, { touched: true }); update(); };

    const headings = [...table.tHead.rows[0].cells];
    if (rows.length > 2) for (const [column, heading] of headings.entries()) {
      if ("fixed" in heading.dataset) continue;
      const button = make("button", { type: "button", class: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      const first = heading.classList.contains("text") ? 1 : -1;
      button.addEventListener("click", () => {
        if (state.column !== column) change({ column, direction: first });
        else if (state.direction === first) change({ direction: -first });
        else change({ column: -1 });
      });
    }

    for (const group of groups.filter((each) => each.rest.length)) {
      const name = textOf(group.head, 0);
      group.toggle = make("button", { type: "button", class: "more", "aria-label": `${group.rest.length} variants of ${name}` });
      group.toggle.textContent = `+${group.rest.length}`;
      group.head.querySelector("th").append(group.toggle);
      group.toggle.addEventListener("click", () => { group.isOpen = !group.isOpen; change({}); });
    }

    let status = null;
    let all = null;
    if (rows.length > shown + SPARE) {
      const tools = make("div", { class: "tools" });
      const field = make("input", { type: "search", placeholder: "Filter", "aria-label": `Filter: ${label}` });
      status = make("span", { role: "status" });
      tools.append(field, status);
      region.before(tools);
      field.addEventListener("input", () => change({ query: field.value.trim().toLowerCase() }));
    }
    if (!state.isWhole) {
      all = make("button", { type: "button", class: "all" });
      region.after(all);
      all.addEventListener("click", () => change({ isWhole: !state.isWhole }));
    }
    expand.push(() => {
      for (const group of groups) group.isOpen = true;
      change({ isWhole: true });
    });
    update();
  };

  for (const region of document.querySelectorAll(".scroll:not([data-plain])")) if (region.querySelector("thead + tbody > tr")) enhance(region);
  // The browser's own search sees only what is shown.
  addEventListener("keydown", (event) => {
    if (event.key === "F3" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f")) expand.forEach((each) => each());
  });
})();
