"use strict";
// Two embeddings that the reader chooses, held against each other.
(() => {
  const FIRST_SHOWN = 3;

  const count = (number) => number.toLocaleString("en-US");
  const scaled = (data, value) => {
    const text = data.percent ? (100 * value).toFixed(1) : value.toFixed(3);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
  };
  const points = (data) => (data.percent ? " points" : "");
  const writtenP = (p) => (p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`);

  // Pairs are stored once, the first embedding before the second: read the other way round, signs and sides change.
  const read = (data, first, second) => {
    const n = data.size, [a, b] = first < second ? [first, second] : [second, first];
    const place = (a * (2 * n - a - 1)) / 2 + (b - a - 1), turned = first > second;
    const sides = (all, at) => (turned ? [all[at + 1], all[at]] : [all[at], all[at + 1]]);
    const counts = data.counts[place], [wins, losses] = sides(counts, 0);
    let test = data.pairs[place];
    if (test && turned) test = [-test[0], -test[2], -test[1], test[3]];
    const groups = data.groups.map(([name, size], row) => [name, size, ...sides(counts, 2 * row + 2)]);
    return { test, wins, losses, ties: data.n - wins - losses, groups };
  };

  const verdict = (data, [, low, high, p]) => {
    if (p <= data.level) return "The difference is significant.";
    if (low <= 0 && high >= 0) return "No significant difference.";
    return `No significant difference: the interval is of this pair alone, p is adjusted for all ${count(data.family)} pairs.`;
  };

  const headline = (data, found) => {
    if (!found.test) return make("p", {}, "This pair was not tested.");
    const [difference, low, high, p] = found.test;
    const size = `${scaled(data, Math.abs(difference))}${points(data)}`;
    const lead = Number(scaled(data, Math.abs(difference))) === 0 ? "Both score the same." :
      `The ${difference > 0 ? "first" : "second"} scores ${size} more (${data.metric}).`;
    const sign = difference > 0 && Number(scaled(data, difference)) !== 0 ? "+" : "";
    return make("div", {}, make("p", { class: "headline" }, make("strong", {}, lead), ` ${verdict(data, found.test)}`),
      make("p", { class: "soft" }, `First minus second: ${sign}${scaled(data, difference)}${points(data)} `
        + `[${scaled(data, low)}, ${scaled(data, high)}], adjusted p ${writtenP(p)}.`));
  };

  const bar = (wins, ties, losses) => {
    const parts = [["wins", wins], ["ties", ties], ["losses", losses]].filter(([, size]) => size > 0);
    return make("div", { class: "tally", "aria-hidden": "true" },
      ...parts.map(([name, size]) => make("span", { class: name, style: `flex-grow:${size}` })));
  };

  const tally = (data, found) => make("p", { class: "tally-text" },
    `Of ${count(data.n)} ${data.units} the first scores more on `,
    key("first"), make("b", { class: "wins" }, count(found.wins)), ", the second on ",
    key("second"), make("b", { class: "losses" }, count(found.losses)), "; equal on ", make("b", { class: "ties" }, count(found.ties)), ".");

  const byGroup = (data, found) => {
    if (!data.groups.length) return null;
    const head = make("tr", {}, make("th", { scope: "col", class: "text" }, data.group),
      ...[data.units, "first ahead", "second ahead"].map((text) => make("th", { scope: "col" }, text)),
      make("td", { class: "bars" }));
    const lines = found.groups.map(([name, size, wins, losses]) => make("tr", {},
      make("th", { scope: "row" }, name), ...[size, wins, losses].map((each) => make("td", {}, count(each))),
      make("td", { class: "bars" }, bar(wins, size - wins - losses, losses))));
    const more = data.left_out ? make("p", { class: "soft" }, `${count(data.left_out)} smaller ones are left out here.`) : null;
    return make("details", {}, make("summary", {}, `By ${data.group}`),
      make("div", { class: "scroll", role: "region", "aria-label": `Wins by ${data.group}`, tabindex: "0" },
        make("table", { class: "narrow" }, make("thead", {}, head), make("tbody", {}, ...lines))), more || "");
  };

  const key = (place) => make("span", { class: `key ${place}`, "aria-hidden": "true" });
  const cut = (text, leftOut) => [text, leftOut ? make("span", { class: "soft" }, ` … (${count(leftOut)} more characters)`) : ""];

  const said = (data, item, column) => {
    const score = data.scores[item][column], code = data.predicted.length ? data.predicted[item][column] : null;
    if (code === null) return score.toFixed(2);
    if (score === 1) return make("b", {}, `${data.classes[code]} \u2713`);
    return score === 0 ? data.classes[code] : `${data.classes[code]} (${score.toFixed(2)})`;
  };

  const example = (data, item, first, second) => {
    const [text, textLeft, answer, answerLeft] = data.items[item];
    return make("li", {}, make("p", {}, ...cut(text, textLeft)),
      make("dl", {}, make("dt", {}, data.answer), make("dd", {}, ...cut(answer, answerLeft)),
        make("dt", {}, key("first"), "first"), make("dd", {}, said(data, item, first)),
        make("dt", {}, key("second"), "second"), make("dd", {}, said(data, item, second))));
  };

  const listed = (data, title, items, total, first, second) => {
    if (!items.length) return null;
    const made = items.map((item) => example(data, item, first, second));
    const rest = made.slice(FIRST_SHOWN), list = make("ol", { class: "items" }, ...made.slice(0, FIRST_SHOWN));
    const button = rest.length ? make("button", { type: "button" }, `Show ${rest.length} more`) : null;
    button?.addEventListener("click", () => { list.append(...rest); button.remove(); rest[0].tabIndex = -1; rest[0].focus(); });
    return make("div", {}, make("h4", {}, `${title} (${items.length} of ${count(total)})`), list, button || "");
  };

  // The most different first; each direction gets half, or what the other leaves.
  const differing = (data, first, second) => {
    const leads = data.scores.map((row, item) => [item, row[first] - row[second]]);
    const ahead = leads.filter(([, lead]) => lead > 0).sort((a, b) => b[1] - a[1]).map(([item]) => item);
    const behind = leads.filter(([, lead]) => lead < 0).sort((a, b) => a[1] - b[1]).map(([item]) => item);
    const half = Math.floor(data.most / 2);
    const ofAhead = Math.min(ahead.length, Math.max(half, data.most - behind.length));
    return [ahead.slice(0, ofAhead), behind.slice(0, data.most - ofAhead)];
  };

  const examples = (data, found, first, second) => {
    if (!data.items.length) return null;
    const [ahead, behind] = differing(data, first, second);
    if (!ahead.length && !behind.length) return make("p", {}, "No item that they differ on was kept for this page.");
    const units = data.units[0].toUpperCase() + data.units.slice(1);
    return make("div", { class: "differing" },
      listed(data, `${units} on which the first scores more`, ahead, found.wins, first, second) || "",
      listed(data, `${units} on which the second scores more`, behind, found.losses, first, second) || "");
  };

  const show = (panel, data) => {
    const [first, second] = ["first", "second"].map((name) => Number(panel.querySelector(`select.${name}`).value));
    const place = panel.querySelector(".compared");
    if (first === second) return place.replaceChildren(make("p", {}, "Choose two different embeddings."));
    const found = read(data, first, second);
    return place.replaceChildren(headline(data, found), bar(found.wins, found.ties, found.losses), tally(data, found),
      byGroup(data, found) || "", examples(data, found, first, second) || "");
  };

  for (const panel of document.querySelectorAll("div.pairs")) {
    unpack(panel.querySelector(".packed")).then((data) => {
      const [first, second] = panel.querySelectorAll("select");
      for (const select of [first, second]) select.addEventListener("change", () => show(panel, data));
      panel.querySelector(".swap").addEventListener("click", () => {
        [first.value, second.value] = [second.value, first.value];
        show(panel, data);
      });
      panel.hidden = false;
      show(panel, data);
    });
  }
})();
