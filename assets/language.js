// The language of the page, decided before Gradio reads navigator.language. WORDS is filled in by tabs/language.py.
(() => {
  let chosen = new URLSearchParams(location.search).get("lang");
  try {
    if (chosen) localStorage.setItem("tuwen-language", chosen);
    chosen = chosen || localStorage.getItem("tuwen-language");
  } catch { /* storage can be forbidden: the address and the browser's language remain */ }
  const language = (chosen || navigator.language || "en").startsWith("zh") ? "zh" : "en";
  document.cookie = `tuwen-language=${language}; path=/; SameSite=Lax`;  // for what the server says, see tabs/language.py
  const locale = language === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => locale });
  Object.defineProperty(navigator, "languages", { get: () => [locale] });

  // What Gradio itself says in English only, or not at all: the title of an error (style.css shows ours), the state of a
  // call, the name of an example.
  const words = WORDS[language];
  document.documentElement.style.setProperty("--error-title", JSON.stringify(words["error.title"]));
  new MutationObserver(() => {
    for (const status of document.querySelectorAll(".progress-text"))
      for (const node of status.childNodes)
        if (node.nodeType === Node.TEXT_NODE && /processing|queue:/.test(node.data))
          node.data = node.data.replace("processing", words["status.processing"]).replace("queue:", words["status.queue"]);
    for (const [k, example] of document.querySelectorAll("button.gallery-item:has(img):not([aria-label])").entries())
      example.setAttribute("aria-label", `${words["describe.example"]} ${k + 1}`);  // it holds a picture alone
  }).observe(document, { subtree: true, childList: true, characterData: true });

  window.tuwen = {
    language,
    switchLanguage() {
      const address = new URL(location.href);
      address.searchParams.set("lang", language === "zh" ? "en" : "zh");
      location.assign(address);
    },
    switchAppearance() {
      document.body.classList.toggle("dark");
    },
  };
})();
