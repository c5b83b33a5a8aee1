"use strict";
// Each figure is drawn when it comes near the screen, in the colors of the page; all of them before the page is printed.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const darkColors = Object.entries(read("dark-colors"));
  const template = document.getElementById("figure-template").textContent;
  const plots = [...document.querySelectorAll(".plot")];
  const names = read("names-in-figures");
  const known = new RegExp(`(?<![\\w.])(${Object.keys(names).sort((a, b) => b.length - a.length)
    .map((each) => each.replaceAll(".", "\\.")).join("|")})(?![\\w.])`, "g");
  const PAPER_WIDTH = 690; // of a page of A4 between its margins
  let isPrinting = false;

  const pageColors = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(name).trim();
  };

  const figureOf = (plot) => {
    let text = document.getElementById(`${plot.id}-data`).textContent;
    if (dark.matches && !isPrinting) for (const [light, darker] of darkColors) text = text.replaceAll(light, darker);
    if (Object.keys(names).length) text = text.replace(known, (name) => JSON.stringify(names[name]).slice(1, -1));
    const figure = JSON.parse(text);
    figure.layout.template = JSON.parse(template);
    return figure;
  };

  const fitted = (layout, narrow) => {
    const color = pageColors();
    layout.font = { ...layout.font, color: color("--text"), size: narrow ? 11 : 13 };
    layout.hoverlabel = { bgcolor: color("--tint"), bordercolor: color("--line"), font: { color: color("--text") } };
    for (const key of Object.keys(layout).filter((each) => /^[xy]axis\d*$/.test(each))) {
      const axis = layout[key];
      axis.gridcolor = axis.linecolor = color("--line");
      if (axis.title) axis.title.font = { ...axis.title.font, color: color("--soft"), size: narrow ? 11 : 13 };
      axis.tickfont = { ...axis.tickfont, size: narrow ? 10 : 12 };
    }
    for (const each of layout.annotations || []) {
      each.font = { ...each.font, color: color("--text"), size: narrow ? 11 : 12 };
      each.bgcolor = color("--page");
      each.borderpad = 0;
    }
    const ends = (layout.annotations || []).filter((each) => each.xref === "paper" && each.x === 1 && each.xanchor === "left");
    if (ends.length) { // lines are named at their right ends: as far as there is room
      const most = narrow ? 16 : 40;
      for (const each of ends) if (each.text.length > most) each.text = `${each.text.slice(0, most - 1)}…`;
      layout.margin = { ...layout.margin, r: 22 + (narrow ? 5.6 : 6.4) * Math.max(...ends.map((each) => each.text.length)) };
    }
    for (const each of layout.shapes || []) each.line.color = color("--soft");
    return layout;
  };

  // Panels beside each other come one below the other where there is no room for them.
  const stacked = (layout, width) => {
    const numbers = Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key)).map((key) => key.slice(5));
    numbers.forEach((number, place) => {
      layout[`xaxis${number}`].domain = [0, 1];
      layout[`yaxis${number}`].domain = [1 - (place + 0.94) / numbers.length, 1 - place / numbers.length];
    });
    layout.height = numbers.length * (width + 24);
  };

  const draw = (plot) => {
    const { data, layout } = figureOf(plot);
    const width = isPrinting ? PAPER_WIDTH / (plot.closest(".pair") ? 2.1 : 1) : plot.clientWidth;
    if (layout.meta?.side_by_side && width < 640) stacked(layout, width);
    if (isPrinting) layout.width = width;
    return Plotly.react(plot, data, fitted(layout, width < 480), { responsive: !isPrinting, displayModeBar: false });
  };

  const drawn = new Set();
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      drawn.add(target);
      draw(target);
    }
  }, { rootMargin: "400px 0px" });
  for (const plot of plots) near.observe(plot);
  dark.addEventListener("change", () => drawn.forEach(draw));

  addEventListener("beforeprint", () => {
    isPrinting = true;
    plots.forEach(draw);
  });
  addEventListener("afterprint", () => {
    isPrinting = false;
    for (const plot of plots) {
      if (drawn.has(plot)) draw(plot);
      else Plotly.purge(plot);
    }
  });
})();
