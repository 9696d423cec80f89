// What must work before, without and after the Wasm module: the theme of the first paint, loading it, the
// note for a browser that cannot run it, and the report when the simulation stops.
(() => {
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search).get("theme");
  let kept = null;
  const embedded = new URLSearchParams(location.search).has("embed");
  if (embedded) root.dataset.embed = "";
  try { kept = localStorage.getItem("kubarium.theme"); } catch { /* storage may be off */ }
  const theme = asked === "light" || asked === "dark" ? asked : kept;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;

  const element = (name, text, parent) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    parent?.append(made);
    return made;
  };

  const unable = (title, text) => {
    const app = document.getElementById("app");
    app.replaceChildren();
    const state = element("div", "", app);
    state.className = "state";
    element("h1", title, state);
    element("p", text, state);
  };

  // Trunk names module and Wasm file in links of the head, with their hashes in the names. There is no
  // inline script: the page needs no hash in a content security policy.
  const progress = async (response) => {
    const bar = document.querySelector(".splash .bar i");
    const total = Number(response.headers.get("content-length"));
    if (!bar || !total || !response.body) return response;
    let current = 0;
    const counted = response.body.pipeThrough(new TransformStream({
      transform(chunk, controller) {
        current += chunk.length;
        bar.style.width = `${Math.min(90, Math.round((current / total) * 90))}%`;
        controller.enqueue(chunk);
      },
    }));
    return new Response(counted, { headers: { "content-type": "application/wasm" } });
  };
  const load = async () => {
    if (typeof WebAssembly !== "object") {
      unable("This browser cannot run Wasm.", "The cluster is simulated in this tab by a WebAssembly module, and this browser did not load it.");
      return;
    }
    const module = document.querySelector("link[rel=modulepreload]");
    const wasm = document.querySelector("link[rel=preload][as=fetch]");
    try {
      const bindings = await import(module.href);
      await bindings.default({ module_or_path: fetch(wasm.href).then(progress) });
    } catch (error) {
      console.error(error);
      if (self.origin === "null") {
        unable("This frame may not read its own files.", `It is sandboxed and belongs to no site, and ${location.host} does not send Access-Control-Allow-Origin: * with its files.`);
      } else {
        unable("The page did not load.", "The cluster is simulated in this tab by a WebAssembly module, and this browser did not load it.");
      }
    }
  };
  addEventListener("DOMContentLoaded", load);

  // The simulation stopped: `detail` is {event, message, report, resume}. No Wasm is called from here on.
  addEventListener("kubarium-stopped", ({ detail }) => {
    if (document.querySelector(".stopped")) return;
    const dialog = element("dialog", "", document.body);
    dialog.className = "state stopped";
    dialog.setAttribute("aria-labelledby", "stopped-title");
    element("h1", `The simulation stopped at event ${Number(detail.event).toLocaleString("en")}.`, dialog).id = "stopped-title";
    element("pre", detail.message, dialog);
    element("p", "The text of the editor is kept. The report holds the seed and every input.", dialog);
    const report = element("textarea", "", dialog);
    report.readOnly = true;
    report.value = detail.report;
    report.setAttribute("aria-label", "Report");
    const row = element("div", "", dialog);
    row.className = "row";
    const resume = element("button", "Reload to the last checkpoint", row);
    resume.className = "btn solid";
    resume.onclick = () => {
      try { sessionStorage.setItem("kubarium.resume", detail.resume); } catch { /* then it starts afresh */ }
      location.reload();
    };
    const copy = element("button", "Copy report", row);
    copy.className = "btn";
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(detail.report);
      } catch {
        report.select();
        document.execCommand("copy");
      }
      copy.textContent = "Copied";
    };
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
})();
