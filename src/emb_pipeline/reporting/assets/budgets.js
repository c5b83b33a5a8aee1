"use strict";
// Budgets that the reader moves. What is chosen under each combination was decided beforehand: here it is looked up.
(() => {
  // The outcome of a combination; the last cost changes fastest.
  const find = (data, steps) => {
    const place = steps.reduce((sum, step, slider) => sum * data.limits[slider].length + step, 0);
    return data.outcomes[data.states[place]];
  };

  // Why each candidate is excluded; what is not known to fit competes only where nothing is known to fit.
  const exclude = (data, steps) => {
    const limits = steps.map((step, slider) => data.limits[slider][step]);
    const over = data.costs.map((costs) => limits.map((limit, slider) => limit !== null && costs[slider] !== null && costs[slider] > limit));
    const open = data.unknown.map((unknown, row) => limits.map((limit, slider) => limit !== null && !over[row][slider] && unknown[slider]));
    const within = over.map((each) => !each.includes(true));
    const known = within.map((fits, row) => fits && !open[row].includes(true));
    const fits = known.includes(true) ? known : within;
    return fits.map((each, row) => ({ row, fits: each, over: over[row], open: open[row] })).filter((each) => !each.fits);
  };

  const why = (data, { row, over, open }) => [
    ...data.labels.filter((_, slider) => over[slider]).map((label) => `${label} ${data.cost_texts[row][data.labels.indexOf(label)]}`),
    ...data.labels.filter((_, slider) => open[slider]).map((label) => `${label} unknown`),
  ].join("; ");

  // The name of a candidate as the page writes it, with the technical one on hover.
  const name = (panel, row) => {
    const named = panel.querySelectorAll(".named > li")[row];
    return make("span", { "data-name": named.dataset.name }, ...[...named.childNodes].map((each) => each.cloneNode(true)));
  };
  const scored = (panel, data, row) => [name(panel, row), data.values[row] ? `, ${data.values[row]}` : ""];
  const sentence = (panel, text) =>
    text.split(/\{(\d+)\}/).map((part, place) => (place % 2 ? name(panel, Number(part)) : part));

  const show = (panel, data, sliders) => {
    const steps = sliders.map((slider) => Number(slider.value));
    sliders.forEach((slider, number) => {
      const text = data.texts[number][steps[number]];
      slider.setAttribute("aria-valuetext", text);
      slider.labels[0].querySelector("output").textContent = text;
    });
    const [chosen, reason] = find(data, steps), excluded = exclude(data, steps);
    const costs = chosen === null ? "" : data.labels.map((label, slider) => `${label} ${data.cost_texts[chosen][slider]}`).join(" · ");
    const first = chosen === null ? "" : make("strong", {}, "Deploy ", ...scored(panel, data, chosen), ".");
    const wasOpen = panel.querySelector(".excluded")?.open;
    const list = make("details", { class: "excluded" },
      make("summary", {}, `${excluded.length} of ${data.values.length} embeddings are excluded`),
      make("ul", { class: "plain" }, ...excluded.map((each) =>
        make("li", {}, ...scored(panel, data, each.row), ` (${why(data, each)})`))));
    list.open = Boolean(wasOpen);
    panel.querySelector(".outcome").replaceChildren(
      make("p", {}, first, first ? " " : "", ...sentence(panel, reason)), costs ? make("p", { class: "soft" }, costs) : "",
      excluded.length ? list : "");
    panel.querySelector(".stored").disabled = sliders.every((slider) => slider.value === slider.defaultValue);
  };

  for (const panel of document.querySelectorAll("div.budgets")) {
    unpack(panel.querySelector(".packed")).then((data) => {
      const sliders = [...panel.querySelectorAll("input")];
      for (const slider of sliders) slider.addEventListener("input", () => show(panel, data, sliders));
      panel.querySelector(".stored").addEventListener("click", () => {
        for (const slider of sliders) slider.value = slider.defaultValue;
        show(panel, data, sliders);
        sliders[0].focus();
      });
      panel.hidden = false;
      show(panel, data, sliders);
    });
  }
})();
