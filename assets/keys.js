// Esc stops the visitor's own run: it presses the Stop button that can be seen and pressed.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const button of document.querySelectorAll("button.ends-run:not(:disabled)"))
    if (button.offsetParent) button.click();
});
