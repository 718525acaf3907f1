"use strict";
(() => {
  const form = document.getElementById("filters");
  const numbers = Array.from(document.querySelectorAll("#numbers > tbody"));
  const kinds = ["verdict", "evidence", "place", "sort"];
  const words = new Map(numbers.map((number) => [
    number,
    [".printed", "summary", "dl"].map((part) => number.querySelector(part).textContent)
      .concat(number.id, number.dataset.place).join(" ").toLowerCase(),
  ]));

  const filter = () => {
    const wanted = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const number of numbers) {
      const fits = kinds.every((kind) => !form.elements[kind].value || form.elements[kind].value === number.dataset[kind])
        && wanted.every((word) => words.get(number).includes(word));
      number.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown} of ${numbers.length} numbers`;
  };

  const choose = (chosen) => {
    form.reset();
    for (const kind of kinds) form.elements[kind].value = chosen[kind] || "";
    filter();
  };

  // Show the target of a link, even if it is a number that the filters hide or an element that is folded.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) choose({});
    const details = target.matches("details") ? target : target.matches("#numbers > tbody") && target.querySelector("details");
    if (details) details.open = true;
    target.scrollIntoView();
  };

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    if (link.dataset.verdict) choose(link.dataset);
    if (link.hash === location.hash) open();
  });
  window.addEventListener("hashchange", open);
  form.hidden = false;
  filter();
  open();
})();
