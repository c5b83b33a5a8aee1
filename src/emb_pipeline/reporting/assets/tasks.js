"use strict";
// One task at a time: what belongs to another task is out of sight, and so is a section that holds nothing of this one.
// The choice is in the address: #task=NAME, or #SECTION&task=NAME.
(() => {
  const bar = document.getElementById("tasks");
  if (!bar) return;
  const choices = [...bar.querySelectorAll("input")];
  const blocks = [...document.querySelectorAll("[data-task]")].map((element) => [element, element.dataset.task.split("\n")]);
  const sections = [...document.querySelectorAll("main > section")].filter((each) => each.querySelector("[data-task]"));
  const canBeFound = "onbeforematch" in document.body;
  let task = choices[0].value;

  const hide = (element, hidden) => {
    if (!hidden) element.removeAttribute("hidden");
    else element.setAttribute("hidden", canBeFound && /^(DIV|SECTION)$/.test(element.tagName) ? "until-found" : "");
  };

  const show = (chosen) => {
    task = chosen;
    for (const each of choices) each.checked = each.value === task;
    for (const [element, tasks] of blocks) hide(element, !tasks.includes(task));
    for (const section of sections) {
      const isEmpty = !section.querySelector("[data-task]:not([hidden])");
      hide(section, isEmpty);
      for (const link of document.querySelectorAll(`nav a[href="#${CSS.escape(section.id)}"]`)) hide(link.parentElement, isEmpty);
    }
    document.dispatchEvent(new CustomEvent("taskshown", { detail: { task } }));
  };

  const readAddress = () => {
    const parts = location.hash.slice(1).split("&");
    const named = parts.find((each) => each.startsWith("task="));
    return { section: parts.find((each) => !each.includes("=")) || "", named: named && decodeURIComponent(named.slice(5)) };
  };

  const writeAddress = (section) => {
    const hash = `${section ? `${section}&` : ""}task=${encodeURIComponent(task)}`;
    try { history.replaceState(history.state, "", `#${hash}`); } catch { /* a frame may forbid it */ }
  };

  // A link may lead into a block of another task, or into a fold.
  const follow = (isFirst) => {
    const { section, named } = readAddress();
    const target = section ? document.getElementById(decodeURIComponent(section)) : null;
    const tasks = target?.closest("[data-task]")?.dataset.task.split("\n");
    const wanted = tasks && !tasks.includes(named || task) ? tasks[0] : named;
    if (choices.some((each) => each.value === wanted) && wanted !== task) show(wanted);
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView({ behavior: isFirst ? "instant" : "auto" });
    if (target.hasAttribute("tabindex")) target.focus({ preventScroll: true });
    writeAddress(section);
  };

  bar.addEventListener("change", (event) => {
    show(event.target.value);
    writeAddress("");
  });
  document.addEventListener("beforematch", (event) => {
    const tasks = event.target.closest("[data-task]")?.dataset.task.split("\n");
    if (tasks) { show(tasks[0]); writeAddress(""); }
  });
  addEventListener("hashchange", () => follow(false));
  // Once the page is scrolled, the names alone are enough.
  const top = document.createElement("div");
  bar.before(top);
  new IntersectionObserver(([entry]) => bar.classList.toggle("stuck", !entry.isIntersecting && entry.boundingClientRect.top < 0)).observe(top);
  bar.hidden = false;
  document.documentElement.classList.add("by-task");
  show(task);
  follow(true);
})();
