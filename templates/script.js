(() => {
  const d = document, root = d.documentElement;
  let asking, typing;
  root.classList.add("js");
  const say = text => { d.getElementById("said").textContent = text; };
  const copy = async (field, button) => {
    field.select();
    let done = false;
    try { await navigator.clipboard.writeText(field.value); done = true; }
    catch { done = d.execCommand("copy"); }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    say(done ? "Copied to the clipboard" : "Selected: press Ctrl+C to copy");
    setTimeout(() => { button.textContent = "Copy"; }, 2500);
  };
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const ready = at => {
    for (const time of at.querySelectorAll("time")) {
      time.title = time.textContent;
      time.textContent = local.format(new Date(time.dateTime));
    }
    const dialog = at.querySelector("dialog[open]");
    if (dialog) {
      dialog.close();
      dialog.showModal();
      dialog.addEventListener("cancel", event => { event.preventDefault(); dialog.querySelector("a").click(); });
    }
  };
  const fetched = async (url, id) => {
    asking?.abort();
    asking = new AbortController();
    const answer = await fetch(url, { headers: { "X-Part": id }, signal: asking.signal });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (!answer.ok || !found) throw new Error(answer.status);
    return found;
  };
  const swap = async (url, id, from) => {
    try {
      const found = await fetched(url, id), old = d.getElementById(id);
      if (from === "typed") old.querySelector("[data-results]").replaceWith(found.querySelector("[data-results]"));
      else old.replaceWith(found);
      const now = d.getElementById(id);
      ready(from === "typed" ? now.querySelector("[data-results]") : now);
      history.replaceState(null, "", url);
      say(found.dataset.said || "");
      if (from === "typed") return;
      const aim = now.querySelector("[data-focus]") || (from && d.getElementById(from));
      if (d.querySelector("dialog[open]")) return;
      (aim || now.querySelector("h2")).focus({ preventScroll: true });
      if (aim?.dataset.focus) aim.scrollIntoView({ block: "nearest" });
    } catch (error) { if (error.name !== "AbortError") location.assign(url); }
  };
  const address = form => {
    const sent = [...new FormData(form)].filter(([, value]) => value);
    return "/?" + new URLSearchParams(sent) + "#" + form.dataset.part;
  };
  d.addEventListener("click", event => {
    const button = event.target.closest("[data-copy]");
    if (button) return copy(d.getElementById(button.dataset.copy), button);
    const link = event.target.closest("a[data-part]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    clearTimeout(typing); // a search still waiting would undo the click
    swap(link.href, link.dataset.part, link.dataset.back || link.id);
  });
  d.addEventListener("input", event => {
    const form = event.target.closest("form[data-part]");
    if (!form || event.isComposing) return;
    clearTimeout(typing);
    typing = setTimeout(() => swap(address(form), form.dataset.part, "typed"), event.target.tagName === "SELECT" ? 0 : 120);
  });
  d.addEventListener("submit", event => {
    const form = event.target.closest("form[data-part]");
    if (!form) return;
    event.preventDefault();
    clearTimeout(typing);
    swap(address(form), form.dataset.part, "typed");
  });
  ready(d);
})();
