// Keyboard shortcuts: "/" focuses the search box, the arrow keys move through the results. The pages work without them.
"use strict";

const box = document.querySelector("input[type=search]");
const hits = [...document.querySelectorAll("a.hit")];

function move(step) {
  const at = hits.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : -1) : at + step;
  if (next < 0 && at === 0) box.focus();
  else if (hits[next]) hits[next].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = document.activeElement === box;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "Escape" && typing) {
    box.blur();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && hits.length) {
    const onHit = hits.includes(document.activeElement);
    if (!onHit && !typing) return;
    if (typing && event.key === "ArrowUp") return;
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  }
});
