// Writing: the editor, its errors and completion, the gallery, files, and the prompt.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { candidates, insertion, place, typeAt } from "../../static/src/complete.mjs";
import { axe, eventually, reads, suite } from "./serve.mjs";

const on = suite();

const editor = (page) => page.locator(".cm-content#editor");
const text = (page) => page.evaluate(() => sessionStorage.getItem("kubarium.editor"));
const write = async (page, words) => {
  await editor(page).focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(words);
};
const POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: nginx\n";

test("the editor takes the text area's place, keeping text, selection and focus", async () => {
  const context = await on.browser().newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  let let_it_come;
  const held = new Promise((resolve) => { let_it_come = resolve; });
  await page.route("**/editor.js", async (route) => { await held; await route.continue(); });
  await page.goto(`${on.origin()}/?paused`);
  await page.locator("textarea#editor").waitFor();
  await page.locator("textarea#editor").fill(POD);
  await page.evaluate(() => { const area = document.getElementById("editor"); area.focus(); area.setSelectionRange(15, 24); });
  let_it_come();
  await editor(page).waitFor();
  await eventually(() => page.locator("textarea#editor").count(), 0);
  assert.ok(await page.evaluate(() => document.activeElement?.id === "editor" && document.activeElement.isContentEditable), "the focus is lost");
  await page.keyboard.insertText("kind: Node");
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor").startsWith("apiVersion: v1\nkind: Node\nmetadata"));
  assert.deepEqual(errors, []);
  await context.close();
});

test("without the module the text area does everything", async () => {
  const context = await on.browser().newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.route("**/editor.js", (route) => route.abort());
  await page.goto(`${on.origin()}/?paused`);
  await page.waitForFunction(() => window.kubarium !== undefined);
  await page.waitForTimeout(600);
  await page.locator("textarea#editor").fill(POD.replace("image", "imag"));
  await page.locator(".code .errline").waitFor();
  await reads(page.locator(".code .note"), /unknown field "spec.containers\[0\].imag"/);
  await page.locator("textarea#editor").fill(POD);
  await page.locator("textarea#editor").press("ControlOrMeta+Enter");
  await page.evaluate(() => window.kubarium.run({ forMs: 3000 }));
  await page.locator(".code em:has-text('created')").waitFor();
  await context.close();
});

test("what is wrong stands under its line while it is typed", (t) => on("?paused", {}, async (page) => {
  await editor(page).waitFor();
  await write(page, POD);
  await page.locator(".count", { hasText: "1 object" }).waitFor();
  await eventually(() => page.locator(".code .errline").count(), 0);
  const inputs = await page.evaluate(() => window.kubarium.stats());
  // From the key to the block, in the page's own time.
  const taken = await page.evaluate(() => new Promise((resolve) => {
    const started = performance.now();
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".code .note")) return;
      observer.disconnect();
      resolve(performance.now() - started);
    }).observe(document.querySelector(".code"), { childList: true, subtree: true });
    const content = document.getElementById("editor");
    content.focus();
    getSelection().collapse(content.querySelectorAll(".cm-line")[7].lastChild, 0);
    document.execCommand("insertText", false, "7 ");
    document.execCommand("insertText", false, "x: ");
  }));
  t.diagnostic(`error shown ${taken.toFixed(0)} ms after the key`);
  assert.ok(taken < 600, `${taken} ms`);
  await write(page, POD.replace("image", "imag"));
  await page.locator(".code .errline").waitFor();
  await reads(page.locator(".code .errline"), /imag: nginx/);
  await reads(page.locator(".code .note"), /^Error from server \(BadRequest\): error when creating "STDIN": Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers\[0\].imag"$/);
  await eventually(() => page.locator(".count .sr").innerText(), `. Line 8: ${await page.locator(".code .note").innerText()}`);
  // Nothing was asked of the cluster.
  assert.equal((await page.evaluate(() => window.kubarium.stats())).messages, inputs.messages);
}));

test("Ctrl-Enter applies, and the word stands at the document", () => on("", {}, async (page) => {
  await editor(page).waitFor();
  await write(page, `${POD}---\n${POD.replace("name: p", "name: q").replace("nginx", '" "')}`);
  await page.keyboard.press("ControlOrMeta+Enter");
  await page.evaluate(() => window.kubarium.run({ forMs: 3000 }));
  await page.locator(".code em b", { hasText: "created" }).waitFor();
  await page.locator(".code em.bad", { hasText: "refused 422" }).waitFor();
}));

test("fields and values complete from the API's schema", () => on("?paused", {}, async (page) => {
  await editor(page).waitFor();
  await write(page, POD);
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.type("    imagePullP");
  const option = page.locator(".cm-tooltip-autocomplete li", { hasText: "imagePullPolicy" });
  await option.waitFor();
  await page.locator(".cm-completionInfo", { hasText: "One of Always, Never, IfNotPresent" }).waitFor();
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "IfNotPresent" }).waitFor();
  await page.waitForTimeout(150);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor").endsWith("    imagePullPolicy: IfNotPresent"));
}));

test("the keyboard gets out: Escape, then Tab", () => on("?paused", {}, async (page) => {
  await editor(page).waitFor();
  await write(page, POD);
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.id === "editor"), "Tab indents");
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor").endsWith("nginx\n  "));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.id !== "editor"), "Tab leaves");
  // And with an option list open: Escape shuts it, and Tab still leaves afterwards.
  await editor(page).focus();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Shift+Tab");
  assert.ok(await page.evaluate(() => document.activeElement.id !== "editor"), "Shift-Tab leaves");
}));

test("the gallery opens an example, undo brings the text back", () => on("", {}, async (page) => {
  await editor(page).waitFor();
  await write(page, "# mine\n");
  await page.getByRole("button", { name: "Examples" }).click();
  const gallery = page.getByRole("dialog", { name: "Examples" });
  await gallery.waitFor();
  await eventually(async () => await gallery.locator("li").count() >= 12, true);
  await page.keyboard.press("Escape");
  await gallery.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Examples" }).click();
  await gallery.getByRole("button", { name: "A pod that crashes" }).click();
  await gallery.waitFor({ state: "detached" });
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor").includes("name: crash"));
  await page.getByRole("button", { name: "Apply" }).click();
  await page.evaluate(() => window.kubarium.run({ forMs: 30_000 }));
  const { stdout } = await page.evaluate(() => window.kubarium.kubectl("kubectl get pods"));
  assert.match(stdout, /crash\s+0\/1\s+(CrashLoopBackOff|Error)/);
  await editor(page).focus();
  await page.keyboard.press("ControlOrMeta+z");
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor") === "# mine\n");
}));

test("files that are dropped become documents; too large ones are refused", () => on("?paused", {}, async (page) => {
  await editor(page).waitFor();
  const drop = (files) => page.evaluate((given) => {
    const data = new DataTransfer();
    for (const [name, words] of given) data.items.add(new File([words], name));
    document.getElementById("editor").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
  }, files);
  await drop([["b.yaml", "kind: B\n"], ["a<img src=x>.yaml", "kind: A"]]);
  await page.waitForFunction(() => sessionStorage.getItem("kubarium.editor") === "kind: A\n---\nkind: B\n");
  await reads(editor(page), /kind: A\n---\nkind: B/);
  await page.locator(".file input[type=file]").setInputFiles([{ name: "c.yaml", mimeType: "text/yaml", buffer: Buffer.from(POD) }]);
  await page.waitForFunction((words) => sessionStorage.getItem("kubarium.editor") === words, POD);
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["a".repeat(6 << 20)], "big.yaml"));
    document.getElementById("editor").dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
  });
  await page.locator(".refusal", { hasText: "5 MiB" }).waitFor();
  await eventually(() => text(page), POD);
}));

test("Tab completes at the prompt, and moves on where it cannot", () => on("?paused", {}, async (page) => {
  await page.evaluate(() => window.kubarium.kubectl("kubectl create deployment <b>x</b> --image=nginx"));
  await page.evaluate(() => window.kubarium.kubectl("kubectl create deployment web --image=nginx"));
  await page.getByRole("tab", { name: "kubectl" }).click();
  const prompt = page.locator("#prompt");
  await prompt.focus();
  await page.keyboard.type("kubectl desc");
  await page.keyboard.press("Tab");
  await eventually(() => prompt.inputValue(), "kubectl describe ");
  await page.keyboard.type("deployment w");
  await page.keyboard.press("Tab");
  await eventually(() => prompt.inputValue(), "kubectl describe deployment web ");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("kubectl get node/");
  await page.keyboard.press("Tab");
  await eventually(() => prompt.inputValue(), "kubectl get node/node-");
  assert.deepEqual(await page.locator(".term .options code").allInnerTexts(), ["node/node-a", "node/node-b", "node/node-c"]);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.id !== "prompt"), "Tab moves on");
}));

test("prompts have their own entries, a history, and can be cleared", () => on("", {}, async (page) => {
  await page.getByRole("tab", { name: "kubectl" }).click();
  const log = page.getByRole("log");
  const run = async (line) => {
    await page.locator("#prompt").fill(line);
    await page.locator("#prompt").press("Enter");
    await page.evaluate(() => window.kubarium.run({ forMs: 500 }));
  };
  await run("get nodes");
  await log.getByText("node-c").first().waitFor();
  await page.getByRole("button", { name: "New prompt" }).click();
  await eventually(() => log.getByText("node-c").count(), 0);
  await run("get namespaces");
  await log.getByText("kube-system").first().waitFor();
  await page.locator("#prompt").fill("get no");
  await page.locator("#prompt").press("ArrowUp");
  await eventually(() => page.locator("#prompt").inputValue(), "get nodes");
  await page.locator("#prompt").press("ArrowDown");
  await eventually(() => page.locator("#prompt").inputValue(), "get no");
  // The pane's other tab and back: everything is there still.
  await page.getByRole("tab", { name: "YAML" }).click();
  await page.getByRole("tab", { name: "kubectl" }).click();
  await log.getByText("kube-system").first().waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await eventually(() => log.getByText("kube-system").count(), 0);
  await page.getByRole("button", { name: "Prompt 1" }).click();
  await log.getByText("node-c").first().waitFor();
  await page.reload();
  await page.waitForFunction(() => window.kubarium !== undefined);
  await page.getByRole("tab", { name: "kubectl" }).click();
  await page.locator("#prompt").press("ArrowUp");
  await eventually(() => page.locator("#prompt").inputValue(), "get namespaces");
}));

for (const theme of ["light", "dark"]) {
  test(`axe finds nothing in editor, gallery and prompts (${theme})`, () => on(`?paused&theme=${theme}`, {}, async (page) => {
    await editor(page).waitFor();
    await write(page, POD.replace("image", "imag").replace("name: p", "name: P"));
    await page.locator(".code .note").first().waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("ControlOrMeta+f");
    await page.locator(".cm-search").waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Examples" }).click();
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("tab", { name: "kubectl" }).click();
    await page.locator("#prompt").fill("kubectl get no");
    await page.locator("#prompt").press("Tab");
    await page.getByRole("button", { name: "New prompt" }).click();
    assert.deepEqual(await axe(page), []);
  }));
}

// The place of the cursor, which stands at `|`.
const at = (words) => {
  const [before, after] = words.split("|");
  const lines = (before + after).split("\n");
  const above = before.split("\n");
  return place(lines, above.length - 1, above.at(-1));
};
const DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        ";

test("the place of the cursor is read off the indentation", async () => {
  const schema = JSON.parse(await readFile(new URL("../../static/schema.json", import.meta.url), "utf8"));
  const type = (words) => typeAt(schema, at(words));
  assert.deepEqual(at(`${DEPLOYMENT}im|`).path, ["spec", "template", "spec", "containers", "[]"]);
  assert.equal(type(`${DEPLOYMENT}im|`), "Container");
  assert.equal(type("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      im|"), "Container");
  assert.equal(type("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - |"), "Container");
  assert.equal(type("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - ports:\n    - pro|"), "ContainerPort");
  assert.equal(type("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    ports: []\n  res|"), "PodSpec");
  assert.equal(type("apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\nsp|"), "Pod", "of its own document");
  assert.equal(type("sp|\nkind: ConfigMap\napiVersion: v1"), "ConfigMap", "kind below");
  assert.equal(type("apiVersion: apps/v1\nkind: Pod\nsp|"), null, "no such kind");
  assert.deepEqual(at("metadata: { name: a, la|").path, ["metadata"]);
  assert.equal(at("# a comment |"), null);
  const labels = (words, names) => candidates(schema, at(words), names).map(({ label }) => label);
  assert.ok(!labels(`${DEPLOYMENT}|`).includes("name"), "what is there is not offered");
  assert.ok(labels(`${DEPLOYMENT}|`).includes("image"));
  assert.deepEqual(labels("apiVersion: v1\nkind: Pod\nspec:\n  restartPolicy: |"), ["Always", "Never", "OnFailure"]);
  assert.deepEqual(labels("apiVersion: apps/v1\nkind: |"), ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]);
  assert.deepEqual(labels("kind: Deployment\napiVersion: |"), ["apps/v1"]);
  assert.deepEqual(labels("apiVersion: v1\nkind: Pod\nspec:\n  nodeName: |", (kind) => [`${kind}-x`]), ["Node-x"]);
  assert.deepEqual(labels(`${DEPLOYMENT}envFrom:\n        - configMapRef:\n            name: |`, (kind) => [kind]), ["ConfigMap"]);
  assert.ok(labels("|").includes("apiVersion"));
  assert.equal(insertion({ label: "ports", type: "ContainerPort[]" }, { column: 4 }), "ports:\n    - ");
  assert.equal(insertion({ label: "spec", type: "PodSpec" }, { column: 0 }), "spec:\n  ");
  assert.equal(insertion({ label: "image", type: "string" }, { column: 4 }), "image: ");
});

test("the bundle that is checked in is what its sources give", async () => {
  const { execFile } = await import("node:child_process");
  const script = new URL("../../static/src/build.mjs", import.meta.url).pathname;
  await new Promise((resolve, reject) => execFile("node", [script, "--check"], (error, _, stderr) => (error ? reject(new Error(stderr)) : resolve())));
});
