// The form of the explorer: a choice is answered at once, and what takes its time says so.
(() => {
  const form = document.getElementById("request");
  if (!form) {
    return;
  }
  const say = document.getElementById("request-said");
  form.addEventListener("submit", () => {
    say.textContent = "Fitting…";
  });
  form.addEventListener("change", (event) => {
    if (event.target.type !== "number") {
      form.requestSubmit();
    }
  });
})();
