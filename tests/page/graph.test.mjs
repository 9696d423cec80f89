// The objects as a graph, in a real browser, as a person would.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axe, eventually, reads, rest, suite } from "./serve.mjs";

const on = suite();

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes: [{name: site, configMap: {name: site}}]
      containers:
      - name: web
        image: nginx
        envFrom: [{secretRef: {name: db-pass}}]
        volumeMounts: [{name: site, mountPath: /site}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: site}
data: {index.html: hello}
`;
const kubectl = (page, line, stdin = "") => page.evaluate(([line, stdin]) => window.kubarium.kubectl(line, stdin), [line, stdin]);
const objects = (page) => page.getByRole("radio", { name: "Objects" }).click();
const graph = (page) => page.locator(".graph");
// The cell whose accessible name matches.
const cell = (page, name) => graph(page).getByRole("button", { name });
const there = async (page, name, count = 1) => eventually(() => cell(page, name).count(), count, String(name));
const inspector = (page) => page.locator("#right-panel");
const applied = async (page) => {
  const { code, stderr } = await kubectl(page, "kubectl apply -f -", WEB);
  assert.equal(code, 0, stderr);
  await rest(page);
  await objects(page);
};

test("nothing yet is said so, and the cluster's own objects are one press away", () => on("?paused", {}, async (page) => {
  await objects(page);
  await reads(graph(page), /Nobody has made any objects yet/);
  assert.deepEqual(await axe(page), []);
  await graph(page).getByRole("button", { name: /^Show \d+ objects of the cluster’s own/ }).click();
  await there(page, /^Node node-a, Ready/);
  await page.getByRole("button", { name: "System objects" }).click();
  await reads(graph(page), /Nobody has made any objects yet/);
}));

test("owners, selectors, references and what is missing, with wanted and there", () => on("?paused", {}, async (page) => {
  await applied(page);
  await there(page, /^Deployment web, 0 of 3 ready, 3 updated; owns ReplicaSet web-/);
  await there(page, /^Service web, 0 of 3 endpoints; slice EndpointSlice web-/);
  await there(page, /^ConfigMap site, 1 key; mounted by Pod web-/);
  await there(page, /^Secret db-pass, not found; env of Pod web-/);
  await there(page, /^Pod web-.*, CreateContainerConfigError 0\/1; .*env Secret db-pass/, 3);
  const words = graph(page).locator(".edgeword");
  for (const word of ["owns", "slice", "endpoint", "mounts", "env"]) await eventually(async () => await words.filter({ hasText: word }).count() > 0, true, word);
  // What is made is there; what was stuck goes on.
  await kubectl(page, "kubectl create secret generic db-pass --from-literal=p=x");
  await rest(page, 60_000);
  await there(page, /^Secret db-pass, 1 key; env of Pod web-/);
  await there(page, /^Deployment web, 3 of 3 ready, 3 updated/);
  await there(page, /^Service web, 3 of 3 endpoints/);
  await there(page, /^Pod web-.*, Running 1\/1/, 3);
  // Scaled, and changed: the change is marked.
  await kubectl(page, "kubectl scale deployment web --replicas=5");
  await rest(page, 30_000);
  await there(page, /^Deployment web, 5 of 5 ready/);
  await there(page, /^Pod web-/, 5);
  await eventually(async () => await graph(page).locator(".pulse").count() > 0, true);
}));

test("a rollout is two sets, each with what is wanted of it", () => on("?paused", {}, async (page) => {
  await kubectl(page, "kubectl create deployment web --image=nginx:1.26 --replicas=3");
  await rest(page);
  await objects(page);
  await there(page, /^ReplicaSet web-.*, 3 of 3 ready/);
  await kubectl(page, "kubectl set image deployment/web nginx=nginx:1.27");
  let both = false;
  for (let piece = 0; piece < 60 && !both; piece += 1) {
    await rest(page, 300);
    both = await cell(page, /^ReplicaSet web-.*, \d of [1-3] ready/).count() === 2;
  }
  assert.ok(both, "old and new set are wanted at once");
  await rest(page, 60_000);
  await there(page, /^ReplicaSet web-.*, 0 of 0 ready/);
  await there(page, /^ReplicaSet web-.*, 3 of 3 ready/);
}));

test("a cell is picked by pointer and keyboard, and arrows walk along the edges", () => on("?paused", {}, async (page) => {
  await applied(page);
  await cell(page, /^Deployment web/).click();
  await inspector(page).getByText("/registry/deployments/default/web").waitFor();
  await eventually(() => cell(page, /^Deployment web/).getAttribute("aria-pressed"), "true");
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label")?.split(/[ ,]/, 1)[0]);
  await eventually(focused, "Deployment");
  for (const [key, kind] of [["ArrowRight", "ReplicaSet"], ["ArrowRight", "Pod"], ["ArrowDown", "Pod"], ["ArrowLeft", "ReplicaSet"], ["ArrowLeft", "Deployment"], ["ArrowDown", "Service"]]) {
    await page.keyboard.press(key);
    await eventually(focused, kind, key);
  }
  await page.keyboard.press("Enter");
  await inspector(page).getByText("/registry/services/specs/default/web").waitFor();
  // One tab stop, where the focus was last.
  await eventually(() => graph(page).locator("[data-cell][tabindex='0']").count(), 1);
  await cell(page, /^Pod web-/).first().click();
  await inspector(page).getByText("CreateContainerConfigError").first().waitFor();
  // What is missing can be asked for as well.
  await cell(page, /^Secret db-pass/).click();
  await inspector(page).getByText("db-pass").first().waitFor();
}));

test("the filter's namespaces are honoured, and the graph is zoomed", () => on("?paused", {}, async (page) => {
  await applied(page);
  const width = () => graph(page).locator("svg.gthings").getAttribute("width").then(Number);
  const before = await width();
  await graph(page).getByRole("button", { name: "Larger" }).click();
  await eventually(async () => await width() > before, true);
  await graph(page).locator(".graphroom").hover();
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, 600);
  await page.keyboard.up("Control");
  await eventually(async () => await width() < before, true, "the wheel zooms while Ctrl is held");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.locator(".filterpop").getByRole("button", { name: "default", exact: true }).click();
  await reads(graph(page), /The filter leaves no objects/);
  await page.getByRole("button", { name: "Clear" }).first().click();
  await there(page, /^Deployment web/);
}));

test("hostile names are text, and fit", () => on("?paused", {}, async (page) => {
  const odd = `apiVersion: v1
kind: Pod
metadata: {name: odd}
spec:
  volumes:
  - {name: a, secret: {secretName: "<img src=x onerror=alert(1)>"}}
  - {name: b, configMap: {name: "\\u202Egnp.exe\\u0007"}}
  - {name: c, configMap: {name: "${"x".repeat(253)}"}}
  - {name: d, configMap: {name: "שלום-עולם"}}
  containers: [{name: c, image: busybox}]
`;
  const { code, stderr } = await kubectl(page, "kubectl apply -f -", odd);
  assert.equal(code, 0, stderr);
  await rest(page, 5_000);
  await objects(page);
  await there(page, /^Secret <img src=x onerror=alert\(1\)>, not found/);
  await there(page, /^ConfigMap \\u202egnp\.exe\\u0007, not found/);
  await there(page, new RegExp(`^ConfigMap x{253}, not found`));
  await there(page, /^ConfigMap שלום-עולם, not found/);
  assert.equal(await page.locator(".graph img").count(), 0);
  // No word is wider than its cell.
  const wide = await page.evaluate(() => [...document.querySelectorAll(".gthings .group")].flatMap((group) => {
    const box = group.querySelector(".handle").getBoundingClientRect();
    return [...group.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().right > box.right + 1).map((text) => text.textContent);
  }));
  assert.deepEqual(wide, []);
  await cell(page, /^Secret <img/).click();
  await reads(inspector(page), /<img src=x onerror=alert\(1\)>/);
}));

test("ten thousand objects are a few cells, and a press is answered", () => on("?paused&nodes=30", {}, async (page) => {
  await kubectl(page, "kubectl create deployment web --image=nginx --replicas=300");
  await rest(page, 20_000);
  // All in one document would be one line at the prompt; many at once are many clients.
  await page.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    const post = (at) => window.kubarium.fetch("/api/v1/namespaces/default/configmaps", { method: "POST", headers, body: JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `map-${at}` }, data: { a: "b" } }) });
    for (let from = 0; from < 10_000; from += 500) await Promise.all(Array.from({ length: 500 }, (_, at) => post(from + at)));
  });
  await objects(page);
  await there(page, /^10,000 ConfigMaps/);
  await there(page, /^300 Pods of ReplicaSet web-.*, 300 of 300 ready; owned by ReplicaSet web-/);
  await eventually(async () => await graph(page).locator("[data-cell]").count() <= 6, true);
  await cell(page, /^300 Pods of/).click();
  await eventually(() => cell(page, /^300 Pods of/).getAttribute("aria-expanded"), "true");
  await there(page, /^Pod web-/, 60);
  await cell(page, /^240 more Pods/).click();
  await there(page, /^Pod web-/, 120);
  await cell(page, /^300 Pods of/).click();
  await there(page, /^Pod web-/, 0);
  await cell(page, /^Deployment web/).click();
  await inspector(page).getByText("/registry/deployments/default/web").waitFor();
  // The table has a page at a time.
  await page.getByRole("radio", { name: "Table" }).click();
  await page.getByText("Pods, 1 to 100 of 300").waitFor();
  await page.getByRole("button", { name: "Last page of Pods" }).click();
  await page.getByText("Pods, 201 to 300 of 300").waitFor();
  await eventually(async () => await page.locator(".tables tr").count() < 250, true);
  await page.getByRole("radio", { name: "Diagram" }).click();
  await page.locator("svg.things").waitFor();
}));

for (const theme of ["light", "dark"]) {
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }, { width: 280, height: 700 }]) {
    test(`axe finds nothing at ${viewport.width} px, ${theme}`, () => on(`?paused&theme=${theme}`, { viewport }, async (page) => {
      await applied(page);
      await there(page, /^Deployment web/);
      assert.deepEqual(await axe(page), []);
      const stage = await page.locator("main").boundingBox();
      assert.ok(stage.x + stage.width <= viewport.width, "the graph scrolls, and not the page");
      for (const control of [page.getByRole("radio", { name: "Diagram" }), page.getByRole("button", { name: "System objects" })]) {
        const box = await control.boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= viewport.width && box.height >= 24, JSON.stringify(box));
      }
    }));
  }
}

test("without motion nothing fades, and what changed last is marked", () => on("?paused", { reducedMotion: "reduce" }, async (page) => {
  await applied(page);
  // What changes once the graph is there is marked as changed: it has to be there first.
  await there(page, /^Deployment web/);
  await kubectl(page, "kubectl scale deployment web --replicas=4");
  await rest(page, 5_000);
  await eventually(async () => await graph(page).locator(".pulse").count() > 0, true);
  assert.equal(await graph(page).locator(".pulse").first().evaluate((pulse) => getComputedStyle(pulse).animationName), "none");
  await eventually(async () => await graph(page).locator(".pulse.last").count() > 0, true);
}));

test("a workload's members stand in their order, and the next run is told", () => on("?paused", {}, async (page) => {
  const set = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: nginx}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: "*/5 * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: tick, image: busybox, command: [date]}]}}}}
`;
  const { code, stderr } = await kubectl(page, "kubectl apply -f -", set);
  assert.equal(code, 0, stderr);
  await rest(page, 1_000);
  await objects(page);
  await there(page, /^StatefulSet db, 0 of 3 ready/);
  await there(page, /^CronJob tick, next \d\d:\d[05], \*\/5 \* \* \* \*/);
  await cell(page, /^StatefulSet db/).press("Enter");
  const seats = inspector(page).locator(".seat");
  await eventually(() => seats.count(), 3, "every ordinal has a seat");
  await reads(seats.nth(2), /^db-2\s*not there/);
  await reads(inspector(page), /Its controller: wants 3, sees 1 pod; waits for db-0 to be Running and Ready/);
  await rest(page, 60_000);
  await reads(seats.nth(2), /^db-2\s*Running 1\/1/);
  assert.deepEqual(await axe(page), []);
  await seats.nth(0).press("Enter");
  await reads(inspector(page).locator("h2"), /^db-0$/);
  await cell(page, /^CronJob tick/).press("Enter");
  await reads(inspector(page), /next run\s*\d\d:\d\d:00 UTC, in /);
  // Five minutes on it has run, and its Job stands there.
  await rest(page, 300_000);
  await eventually(() => seats.count(), 1, "one run");
  await reads(seats.nth(0), /^tick-\d+\s*succeeded/);
}));
